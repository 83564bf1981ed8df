"""Make the weights that ship with `pcgm` and `pcgm-aligned`.

``python -m pcgm_bench.methods.pcgm.fitting.make OUT --pairs PAIRS --start WEIGHTS --minutes 60``

Five trainings follow each other: encoder, decoder, UNet, ControlNet (the paper's rule), then UNet and ControlNet of
`pcgm-aligned` from there. Killed, the same command goes on.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from pcgm_bench.methods.pcgm.aligned.config import ALIGNED
from pcgm_bench.methods.pcgm.fitting.disagreement import train_aligned
from pcgm_bench.methods.pcgm.fitting.material import make_material
from pcgm_bench.methods.pcgm.fitting.material import planned
from pcgm_bench.methods.pcgm.fitting.pairs import PairBank
from pcgm_bench.methods.pcgm.mgd.fit.decoder import train_decoder
from pcgm_bench.methods.pcgm.mgd.fit.denoiser import train_controlnet
from pcgm_bench.methods.pcgm.mgd.fit.denoiser import train_unet
from pcgm_bench.methods.pcgm.mgd.fit.encoder import train_encoder
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.precision import tensor_threads
from pcgm_bench.training.budget import divide_minutes
from pcgm_bench.training.people import FIELDS
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.trained import PEOPLE

NETWORKS = ("encoder", "decoder", "unet", "controlnet")
SHARES = {"encoder": 2.0, "decoder": 3.0, "unet": 10.0, "controlnet": 14.0, "aligned": 27.0}
"""Of the minutes."""
SETTINGS = {
    "encoder": Settings(steps=1500, batch=2, crop=48, lr=1e-4),
    "decoder": Settings(steps=2500, batch=3, crop=40, lr=2e-4),
    "unet": Settings(steps=4000, batch=4, lr=4e-4),
    "controlnet": Settings(steps=4000, batch=4, lr=4e-4),
    "aligned": Settings(steps=8000, batch=4, lr=4e-4, ema=0.998),
}
"""Steps at most; the minutes usually end first. All start from weights, hence smaller rates than a first training's."""


@dataclass(frozen=True)
class Plan:
    """Where things are and how long they may take.

    Attributes:
        out: gets the folders ``pcgm`` and ``aligned``.
        work: checkpoints and loss logs.
        start: `pcgm`'s weights to start from; None: random ones.
        minutes: of all trainings together, over all restarts.
        aligned: of `pcgm-aligned`'s, in place of its share: it can go on when the others are done.
        seed: of batches and noise.
        threads: of a tensor operation.
    """

    out: Path
    work: Path
    start: Path | None
    minutes: float
    seed: int
    threads: int
    aligned: float | None = None

    def settings(self) -> dict[str, Settings]:
        """Of every training."""
        minutes = divide_minutes(self.minutes, SHARES)
        if self.aligned is not None:
            minutes["aligned"] = self.aligned
        return {
            name: replace(settings, minutes=minutes[name], seed=self.seed, threads=self.threads)
            for name, settings in SETTINGS.items()
        }


def train_all(plan: Plan, bank: PairBank) -> None:
    """All five trainings; goes on from the work folder's checkpoints.

    Raises:
        UserError: data or weights that do not fit, or checkpoints of another training.
    """
    settings = plan.settings()
    folders = {name: plan.work / name for name in ("pcgm", "aligned")}
    for folder in (*folders.values(), plan.out):
        folder.mkdir(parents=True, exist_ok=True)
    job = Job(bank, PHANTOM, folders["pcgm"], report=say, start=plan.start)
    with tensor_threads(plan.threads):
        encoder = train_encoder(job, settings["encoder"])
        decoder = train_decoder(job, encoder, settings["decoder"])
        unet = train_unet(job, encoder, settings["unet"])
        controlnet = train_controlnet(job, encoder, unet, settings["controlnet"])
        kept = _kept(plan.out / "pcgm", MGD(PHANTOM, encoder, unet, controlnet, decoder))
        save_file({"conditions": controls(bank)}, kept / PEOPLE)
        other = Job(bank, ALIGNED, folders["aligned"], report=say)
        latents = job.latents(encoder, settings["unet"])
        own = train_aligned(other, bank, latents, (unet, controlnet), settings["aligned"])
        _kept(plan.out / "aligned", MGD(ALIGNED, encoder, *own, decoder))


def _kept(folder: Path, mgd: MGD) -> Path:
    """The folder, with these networks and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    mgd.save(folder)
    return folder


def controls(bank: PairBank) -> np.ndarray:
    """Metadata of the training people as they are, ``(N, 4)``: whom `sample` draws new brains for."""
    known = np.isfinite(bank.conditions[:, FIELDS.index("diagnosis")])
    return np.ascontiguousarray(bank.conditions[known], np.float32)


def say(line: str) -> None:
    """A line of a training, at once."""
    print(line, flush=True)


def show(what: str, done: int, total: int) -> None:
    """Progress, a line for every twentieth."""
    if done % max(1, total // 20) == 0 or done == total:
        print(f"{what} {done}/{total}", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="gets the folders pcgm and aligned, with weights")
    parser.add_argument("--work", type=Path, default=Path("pcgm-work"), help="material and checkpoints; work resumes")
    parser.add_argument(
        "--pairs", type=Path, required=True, help="anatomies in two states: pairs-N of the segmenter's work folder"
    )
    parser.add_argument(
        "--scans",
        type=Path,
        default=None,
        help="folder of the real scans among the pairs; its participants.tsv says age and sex",
    )
    parser.add_argument("--start", type=Path, default=None, help="weights of pcgm to start from")
    parser.add_argument("--minutes", type=float, default=60.0, help="of training on two cores; the material takes 5")
    parser.add_argument(
        "--aligned-minutes", type=float, default=None, help="of the last training, to go on with it; default: its share"
    )
    parser.add_argument("--seed", type=int, default=0, help="of batches and noise")
    parser.add_argument("--threads", type=int, default=2, help="threads of a tensor operation")
    options = parser.parse_args()
    material = options.work / "material"
    material.mkdir(parents=True, exist_ok=True)
    bank = make_material(material, planned(options.pairs, options.scans), options.threads, show)
    plan = Plan(
        options.out,
        options.work,
        options.start,
        options.minutes,
        options.seed,
        options.threads,
        options.aligned_minutes,
    )
    train_all(plan, bank)


if __name__ == "__main__":
    main()
