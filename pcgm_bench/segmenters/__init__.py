"""Segmenters: from an image to tissue fractions, labels and volumes. The ruler of a run."""
