"""PGM: from age, sex, diagnosis and head size to lobar volumes, as a structural causal model."""
