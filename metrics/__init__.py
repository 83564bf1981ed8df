"""Metrics: one file each, a pure function and its record. Reached through entry points, never imported."""
