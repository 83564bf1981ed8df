"""Controls that cheat: each does well what a weak benchmark looks at, and nothing else."""
