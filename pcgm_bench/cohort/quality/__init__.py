"""Whether a scan can be measured at all: what is looked at, from where on it is too poor, and how that is shown."""
