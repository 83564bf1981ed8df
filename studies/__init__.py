"""Studies: one frozen, versioned protocol a file. Reached through entry points, never imported."""
