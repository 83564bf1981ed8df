"""Runs. This file imports nothing: a key of one room would hold the code of all."""
