"""Training of MGD's networks: what `pcgm-bench fit` runs. Imported by `fit` alone: it affects no image."""
