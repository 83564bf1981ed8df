"""The contracts of pcgm-bench: what a scan, a cohort, a generator, a segmenter, a metric and a study are.

A plugin author reads this package and nothing else; names of regions and channels, and FreeSurfer's numbers for them,
are in `pcgm_bench.anatomy`. All arrays are NumPy; a volume is ``(X, Y, Z)`` float32 on the cohort's grid, voxel axes in
RAS+ order, affine in millimetres; volumes of anatomy are in millilitres (mL), ages in years. Raise `UserError` for
anything the user can mend: the command line prints its message and exits with code 2.

| to write a | subclass | and register it under |
| --- | --- | --- |
| generator | `Generator` | ``pcgm_bench.methods`` |
| segmenter | `Segmenter` | ``pcgm_bench.segmenters`` |
| feature space | `FeatureExtractor` | ``pcgm_bench.features`` |
| metric | `FeatureMetric`, `ImageMetric`, `VolumeMetric`, ... | ``pcgm_bench.metrics`` |
| study | `Study` | ``pcgm_bench.studies`` |
| cohort | `CohortSource` and `Cohort` | ``pcgm_bench.cohorts`` |

An entry point in the package's ``pyproject.toml`` registers a class, under the name that its card or record has:

    [project.entry-points."pcgm_bench.methods"]
    brighten = "my_package.generator:Brighten"

The harness hashes the code of a plugin, of everything that it imports in its own package, and the data files beside it.
"""

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts.cohort import Cohort
from pcgm_bench.contracts.cohort import CohortRequest
from pcgm_bench.contracts.cohort import CohortSource
from pcgm_bench.contracts.cohort import TrainingScans
from pcgm_bench.contracts.conclusion import Conclusion
from pcgm_bench.contracts.errors import PluginError
from pcgm_bench.contracts.errors import PoorScanError
from pcgm_bench.contracts.errors import UnknownTruthError
from pcgm_bench.contracts.errors import UserError
from pcgm_bench.contracts.generator import Card
from pcgm_bench.contracts.generator import Context
from pcgm_bench.contracts.generator import Generator
from pcgm_bench.contracts.generator import Job
from pcgm_bench.contracts.metric import BandMetric
from pcgm_bench.contracts.metric import ChangeMetric
from pcgm_bench.contracts.metric import Changes
from pcgm_bench.contracts.metric import Estimate
from pcgm_bench.contracts.metric import FeatureMetric
from pcgm_bench.contracts.metric import FeatureSets
from pcgm_bench.contracts.metric import ImageMetric
from pcgm_bench.contracts.metric import ImagesAndBands
from pcgm_bench.contracts.metric import ImageSets
from pcgm_bench.contracts.metric import MaskChanges
from pcgm_bench.contracts.metric import MaskMetric
from pcgm_bench.contracts.metric import Metric
from pcgm_bench.contracts.metric import MetricRecord
from pcgm_bench.contracts.metric import PeopleMetric
from pcgm_bench.contracts.metric import RoundTripMetric
from pcgm_bench.contracts.metric import RoundTrips
from pcgm_bench.contracts.metric import TrainingMetric
from pcgm_bench.contracts.metric import TrainingSets
from pcgm_bench.contracts.metric import VisitMetric
from pcgm_bench.contracts.metric import Visits
from pcgm_bench.contracts.metric import VolumeMetric
from pcgm_bench.contracts.metric import VolumeTables
from pcgm_bench.contracts.plot import Change
from pcgm_bench.contracts.plot import ChangesPlot
from pcgm_bench.contracts.plot import DosesPlot
from pcgm_bench.contracts.plot import EffectsPlot
from pcgm_bench.contracts.plot import ForestPlot
from pcgm_bench.contracts.plot import Plot
from pcgm_bench.contracts.plot import TrajectoriesPlot
from pcgm_bench.contracts.plot import Trajectory
from pcgm_bench.contracts.reading import ReaderCase
from pcgm_bench.contracts.reading import ReaderExport
from pcgm_bench.contracts.reading import ReaderRequest
from pcgm_bench.contracts.record import Record
from pcgm_bench.contracts.record import Row
from pcgm_bench.contracts.record import RowKind
from pcgm_bench.contracts.scan import Intervention
from pcgm_bench.contracts.scan import Progress
from pcgm_bench.contracts.scan import Scan
from pcgm_bench.contracts.scan import Segmentation
from pcgm_bench.contracts.scan import silent
from pcgm_bench.contracts.segmenter import OWN_SCORE
from pcgm_bench.contracts.segmenter import FeatureExtractor
from pcgm_bench.contracts.segmenter import Segmenter
from pcgm_bench.contracts.segmenter import SegmenterOptions
from pcgm_bench.contracts.settings import NoSettings
from pcgm_bench.contracts.settings import Setting
from pcgm_bench.contracts.settings import settings_of
from pcgm_bench.contracts.study import ChainEstimate
from pcgm_bench.contracts.study import Evidence
from pcgm_bench.contracts.study import Fold
from pcgm_bench.contracts.study import Measurement
from pcgm_bench.contracts.study import MetricUse
from pcgm_bench.contracts.study import ReadingStudy
from pcgm_bench.contracts.study import Refitter
from pcgm_bench.contracts.study import Study
from pcgm_bench.contracts.true_changes import TrueChange
from pcgm_bench.contracts.true_changes import TrueChanges
from pcgm_bench.contracts.true_changes import TruthMetric
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

__all__ = [
    "CHANNELS",
    "LOBE_NAMES",
    "OWN_SCORE",
    "BandMetric",
    "Card",
    "ChainEstimate",
    "Change",
    "ChangeMetric",
    "Changes",
    "ChangesPlot",
    "Cohort",
    "CohortRequest",
    "CohortSource",
    "Column",
    "Conclusion",
    "Context",
    "DosesPlot",
    "EffectsPlot",
    "Estimate",
    "Evidence",
    "FeatureExtractor",
    "FeatureMetric",
    "FeatureSets",
    "Fold",
    "ForestPlot",
    "Generator",
    "ImageMetric",
    "ImageSets",
    "ImagesAndBands",
    "Intervention",
    "Job",
    "MaskChanges",
    "MaskMetric",
    "Measurement",
    "Metric",
    "MetricRecord",
    "MetricUse",
    "NoSettings",
    "PeopleMetric",
    "Plot",
    "PluginError",
    "PoorScanError",
    "Progress",
    "ReaderCase",
    "ReaderExport",
    "ReaderRequest",
    "ReadingStudy",
    "Record",
    "Refitter",
    "RoundTripMetric",
    "RoundTrips",
    "Row",
    "RowKind",
    "Scan",
    "Segmentation",
    "Segmenter",
    "SegmenterOptions",
    "Setting",
    "Study",
    "Table",
    "TrainingMetric",
    "TrainingScans",
    "TrainingSets",
    "TrajectoriesPlot",
    "Trajectory",
    "TrueChange",
    "TrueChanges",
    "TruthMetric",
    "UnknownTruthError",
    "UserError",
    "VisitMetric",
    "Visits",
    "VolumeMetric",
    "VolumeTables",
    "settings_of",
    "silent",
]
