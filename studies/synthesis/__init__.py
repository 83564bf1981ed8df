"""The synthesis study: are new brains like real ones?"""

from pcgm_bench.studies.synthesis.study import SynthesisStudy

__all__ = ["SynthesisStudy"]
