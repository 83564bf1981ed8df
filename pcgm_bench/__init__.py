"""pcgm-bench: does a synthetic brain MRI carry the right anatomy?

In a script or a notebook:

    import pcgm_bench as pb

    result = pb.run("pcgm", "aud", quick=True)   # a method through a study
    result.to_frame()                            # every number of it, one a row
    pb.score("my_images/", "aud")                # images made elsewhere
    pb.segment("sub-001_T1w.nii.gz").volumes     # mL by region
    pb.metric("fid")(real, made).value           # a metric alone
    pb.leaderboard()                             # all runs of the home folder

Importing this package loads nothing else and changes nothing global. Messages go to the logger ``pcgm_bench``.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from pcgm_bench.api import counterfactual
    from pcgm_bench.api import leaderboard
    from pcgm_bench.api import list_methods
    from pcgm_bench.api import metric
    from pcgm_bench.api import run
    from pcgm_bench.api import score
    from pcgm_bench.api import segment

__version__ = "0.2.0"

__all__ = ["counterfactual", "leaderboard", "list_methods", "metric", "run", "score", "segment"]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `pcgm-bench --help` does not wait for torch.
    if name in __all__:
        return vars(importlib.import_module("pcgm_bench.api"))[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
