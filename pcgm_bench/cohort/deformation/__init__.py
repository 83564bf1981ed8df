"""A true image of a changed region on a real scan: one smooth, measured deformation of the scan itself."""
