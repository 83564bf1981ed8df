"""PCGM: probabilistic causal graph model, counterfactual masks, mask-guided diffusion (Li et al. 2025)."""

from pcgm_bench.methods.pcgm.generator import PCGM

__all__ = ["PCGM"]
