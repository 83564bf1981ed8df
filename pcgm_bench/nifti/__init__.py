"""NIfTI files: one reader, which reads a file to its end and refuses what contradicts itself, and one writer."""
