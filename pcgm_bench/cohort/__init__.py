"""Cohorts: people with scans, read from a BIDS folder or made as a phantom.

`bids` reads, `check` checks, `write` writes, `align` brings native scans to the standard `grid`, and `phantom` makes
people. Import the modules themselves: this package imports none, so that naming it costs nothing.
"""
