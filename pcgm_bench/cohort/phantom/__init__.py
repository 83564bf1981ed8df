"""The phantom cohort: real anatomy, a known population, and therefore known counterfactuals."""
