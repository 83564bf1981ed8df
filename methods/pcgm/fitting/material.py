"""The training material: phantom people on several scanners, phantoms of real anatomies, and real scans, in pairs.

The anatomies are those that the segmenter was trained on (`pcgm_bench.segmenters.unet.fitting.training_pairs`): lobes
moved by -13 to +12 %, and real scans with one region deformed. Here they are drawn, and read by the segmenter that
reads them in a run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.cohort.deformation.deform import REGIONS
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.scanners import DEFAULT
from pcgm_bench.cohort.phantom.scanners import MIXED_OF
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.fitting.pairs import MOST
from pcgm_bench.methods.pcgm.fitting.pairs import PairBank
from pcgm_bench.methods.pcgm.fitting.pairs import open_bank
from pcgm_bench.methods.pcgm.fitting.pairs import paths
from pcgm_bench.methods.pcgm.fitting.pictures import RANDOM
from pcgm_bench.methods.pcgm.fitting.pictures import pictures
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.process import WatchedContext
from pcgm_bench.segmenters.unet.fitting.labelled_scans import scans_in
from pcgm_bench.segmenters.unet.fitting.training_pairs import PERSON
from pcgm_bench.segmenters.unet.fitting.training_pairs import REAL
from pcgm_bench.segmenters.unet.fitting.training_pairs import SCAN
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair
from pcgm_bench.segmenters.unet.fitting.training_pairs import read_pair
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.training.people import encode_condition

LOOKS = (DEFAULT, DEFAULT, *MIXED_OF, RANDOM)
"""Scanners of the phantoms, in turn."""
EVERY_REAL = 4
"""One real anatomy's pair of so many is used."""
PLAN = "plan.json"


@dataclass(frozen=True)
class Item:
    """A pair, or one scan, of the material.

    Attributes:
        source: file of the pair.
        look: scanner of a phantom.
        states: 2, or 1 for the first state alone.
        row: of its first scan in the bank.
        age: years; NaN if unknown.
        sex: ``F``, ``M``, or empty.
        diagnosis: ``control`` for a person of the training cohort as it is; empty for everything else, so that this
            token says what kind of scan is drawn where nothing else does.
    """

    source: str
    look: str
    states: int
    row: int
    age: float
    sex: str
    diagnosis: str


def planned(pairs: Path, scans: Path | None) -> list[Item]:
    """What the material is to hold; pairs first.

    Args:
        pairs: folder of pairs, which the segmenter's fitting leaves in its work folder.
        scans: folder of the real scans behind them, whose ``participants.tsv`` says age and sex; None: unknown.

    Raises:
        UserError: the folder holds no pairs.
    """
    people, real, seen = (sorted(pairs.glob(f"{kind}[0-9]*.npz")) for kind in (PERSON, REAL, SCAN))
    if not people:
        raise UserError(
            f"{pairs}: no training pairs of people; make them with `python -m pcgm_bench.segmenters.unet.fitting.make`"
        )
    visits, named = training_controls(), _participants(scans)
    both: list[tuple[Path, str, float, str, str]] = []
    alone: list[tuple[Path, str, float, str, str]] = []
    for path in people:
        number = _number(path)
        visit = visits[number]
        who = (visit.age, visit.person.sex)
        if number % 2:
            alone.append((path, DEFAULT, *who, "control"))
        else:
            look = LOOKS[number // 2 % len(LOOKS)]
            both.append((path, look, *who, "control" if look == DEFAULT else ""))
    both += [(path, LOOKS[k % len(LOOKS)], np.nan, "", "") for k, path in enumerate(real[::EVERY_REAL])]
    both += [(path, "", *named.get(_number(path) // len(REGIONS), (np.nan, "")), "") for path in seen]
    rows = [(state, 2 * k) for k, state in enumerate(both)]
    rows += [(state, 2 * len(both) + k) for k, state in enumerate(alone)]
    return [
        Item(str(path), look, 2 if row < 2 * len(both) else 1, row, age, sex, diagnosis)
        for (path, look, age, sex, diagnosis), row in rows
    ]


def _number(path: Path) -> int:
    return int(path.stem.lstrip("abcdefghijklmnopqrstuvwxyz"))


def _participants(scans: Path | None) -> dict[int, tuple[float, str]]:
    """Age and sex of the real scans by their number, where a table beside them says so."""
    table = None if scans is None else scans / "participants.tsv"
    if scans is None or table is None or not table.exists():
        return {}
    known = pd.read_csv(table, sep="\t", dtype={"participant_id": str}).set_index("participant_id")
    ages, sexes = known["age"].astype(float).to_dict(), known["sex"].str.upper().to_dict()
    names = [path.name.split("_")[0] for path in scans_in(scans)]
    return {number: (ages[name], sexes[name]) for number, name in enumerate(names) if name in ages}


def make_material(folder: Path, items: Sequence[Item], processes: int, progress: Progress) -> PairBank:
    """The bank of the planned items, made in ``folder`` where it is not there yet (4 MB a scan).

    Args:
        folder: an existing one; interrupted work goes on.
        items: from `planned`.
        processes: that draw and segment.
        progress: told (what, done, total).

    Raises:
        UserError: the folder holds other material.
    """
    text = json.dumps([asdict(item) for item in items])
    plan = folder / PLAN
    if plan.exists() and plan.read_text() != text:
        raise UserError(f"{folder}: holds the material of other pairs; use another folder")
    if not plan.exists():
        _allocate(folder, items)
        plan.write_text(text)
    done = np.load(paths(folder)["done"])
    left = [(folder, number, item) for number, item in enumerate(items) if not done[number]]
    with ProcessPoolExecutor(processes, WatchedContext()) as pool:
        for count, _ in enumerate(pool.map(_make, left, chunksize=4)):
            progress("draw and read training scans", len(items) - len(left) + count + 1, len(items))
    return open_bank(folder)


def _allocate(folder: Path, items: Sequence[Item]) -> None:
    scans, count = sum(item.states for item in items), sum(item.states == 2 for item in items)
    shape = PHANTOM.shape
    sizes: dict[str, tuple[tuple[int, ...], type]] = {
        "images": ((scans, 1, *shape), np.float16),
        "conditions": ((scans, 4), np.float32),
        "fractions": ((scans, len(CHANNELS), *shape), np.uint8),
        "moved": ((count, PHANTOM.control.mask_channels, *shape), np.int8),
        "done": ((len(items),), np.uint8),
    }
    for name, path in paths(folder).items():
        size, kind = sizes[name]
        np.lib.format.open_memmap(path, "w+", dtype=kind, shape=size).flush()


_segmenter: list[UNetSegmenter] = []
"""The segmenter of this process, read once."""


def _make(task: tuple[Path, int, Item]) -> None:
    """Draw and read one item, and write its rows."""
    torch.set_num_threads(1)
    folder, number, item = task
    if not _segmenter:
        _segmenter.append(UNetSegmenter(threads=1))
    arrays = {name: np.load(path, mmap_mode="r+") for name, path in paths(folder).items()}
    pair = read_pair(Path(item.source))
    for state, image in enumerate(pictures(pair, item.look, 9000 + 2 * number, item.states)):
        row = item.row + state
        scan = Scan(f"{number}", "", image, grid_called("3mm").affine, item.age, item.sex, item.diagnosis)
        reading = _segmenter[0].segment(scan)
        arrays["images"][row, 0] = image
        arrays["fractions"][row] = np.round(reading.fractions * 255)
        # A second state is nobody's planned anatomy.
        diagnosis = "" if state else item.diagnosis
        arrays["conditions"][row] = encode_condition(item.age, item.sex, diagnosis, reading.head_size, PHANTOM.metadata)
    if item.states == 2:
        arrays["moved"][item.row // 2] = _moved(pair)
    for array in arrays.values():
        array.flush()
    arrays["done"][number] = 1
    arrays["done"].flush()


def _moved(pair: Pair) -> np.ndarray:
    before, after = (control_mask(pair.fractions[state].astype(np.float32)) for state in range(2))
    return np.clip(after - before, -MOST, MOST)
