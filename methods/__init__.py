"""Generators: one folder a method. Reached through the entry points of `pcgm_bench.registry`, never imported."""
