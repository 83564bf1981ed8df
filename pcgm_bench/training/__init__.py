"""What methods with networks share: the training loop, data, weights, metadata as networks see them, diffusion."""
