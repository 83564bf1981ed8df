"""Training of the weights that ship with `pcgm` and `pcgm-aligned`: ``python -m ...pcgm.fitting.make``."""
