"""The aging study: does a baseline scan, made older, grow the right ventricles?"""

from pcgm_bench.studies.aging.study import AgingStudy

__all__ = ["AgingStudy"]
