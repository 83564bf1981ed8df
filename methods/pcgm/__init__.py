"""PCGM: probabilistic causal graph model, counterfactual masks, mask-guided diffusion (Li et al. 2025).

`generator.PCGM` is the plugin; its three parts are `pgm` (volumes), `cmg` (masks) and `mgd` (images).
"""
