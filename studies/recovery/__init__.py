"""The recovery study: a known change of one region is asked for, and looked for in the image."""

from pcgm_bench.studies.recovery.study import RecoveryStudy

__all__ = ["RecoveryStudy"]
