"""The reader study: can experts tell made brains from real ones?"""

from pcgm_bench.studies.reader.study import ReaderStudy

__all__ = ["ReaderStudy"]
