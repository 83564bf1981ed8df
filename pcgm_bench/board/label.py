"""What the leaderboard knows of a run besides its numbers: the one place that reads the store's own records."""

from __future__ import annotations

from pydantic import BaseModel
from pydantic import ConfigDict

from pcgm_bench.contracts.settings import with_settings
from pcgm_bench.store import Identity
from pcgm_bench.store import Manifest


class RunLabel(BaseModel):
    """Who was run on whom, and by what.

    Attributes:
        key: of the run.
        method: name of the generator under test.
        generators: row -> version, code and weights of the generator that made it.
        packages: row -> package and version of that generator: ``pcgm-bench 0.2.0``; empty where nobody wrote it down.
        study: name of the study.
        study_version: its protocol's version.
        cohort: the cohort's name.
        cohort_hash: its content hash.
        segmenter: name and hash of the segmenter.
        seed: of the run.
        quick: whether it is the small version of the study.
        device: kind of device.
        threads: of a tensor operation.
        settings: name -> text of the method's settings that are not at their defaults.
        package: version of pcgm-bench.
        torch: version of PyTorch; empty where nobody wrote it down.
        instructions: the processor's instruction set, as PyTorch uses it (``AVX512``); likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    method: str
    generators: dict[str, str]
    packages: dict[str, str] = {}
    study: str
    study_version: str
    cohort: str
    cohort_hash: str
    segmenter: str
    seed: int
    quick: bool
    device: str
    threads: int
    settings: dict[str, str] = {}
    package: str
    torch: str = ""
    instructions: str = ""

    def shown(self, row: str) -> str:
        """A row's name, with the settings of the method where the method made it: ``pcgm (cmg=proportional)``."""
        is_own = row == self.method or self.generators.get(row, "") == self.generators.get(self.method)
        return with_settings(row, self.settings) if is_own else row


def label_of(identity: Identity, manifest: Manifest) -> RunLabel:
    """The label of a stored run."""
    versions = manifest.sessions[-1].versions if manifest.sessions else {}
    return RunLabel(
        key=identity.key,
        method=identity.method,
        generators=manifest.generators,
        packages=manifest.packages,
        study=identity.study,
        study_version=identity.study_version,
        cohort=identity.cohort,
        cohort_hash=identity.cohort_hash,
        segmenter=identity.segmenter,
        seed=identity.seed,
        quick=identity.quick,
        device=identity.device,
        threads=identity.threads,
        settings=identity.settings,
        package=versions.get("pcgm-bench", ""),
        torch=versions.get("torch", ""),
        instructions=manifest.instructions,
    )
