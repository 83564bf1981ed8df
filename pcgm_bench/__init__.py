"""pcgm-bench: does a synthetic brain MRI carry the right anatomy?"""

__version__ = "0.1.0"
