"""Training of the shipped segmenter. Nothing here is imported when a scan is read."""
