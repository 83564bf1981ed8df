"""A region of a real scan brought to an asked factor of its volume: the deformation, its image, its anatomy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from scipy import optimize

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.anatomy import TISSUE_LABELS
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.cohort.align import CEILING
from pcgm_bench.cohort.deformation.box import Box
from pcgm_bench.cohort.deformation.box import box_around
from pcgm_bench.cohort.deformation.flow import exponential
from pcgm_bench.cohort.deformation.flow import jacobian
from pcgm_bench.cohort.deformation.flow import pulled
from pcgm_bench.cohort.deformation.source import Source
from pcgm_bench.cohort.deformation.subvoxels import fine_fractions
from pcgm_bench.cohort.deformation.subvoxels import tissue_means
from pcgm_bench.cohort.deformation.velocity import lobe_velocity
from pcgm_bench.cohort.deformation.velocity import ventricle_velocity
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UnknownTruthError
from pcgm_bench.contracts import UserError
from pcgm_bench.nearest_parcel import nearest_parcel

REGIONS = (*LOBE_NAMES, "ventricles")
"""What can be changed on a real scan."""
MARGIN_MM = 21.0
"""Around the ventricles: no move reaches farther."""
LOBE_MARGIN_MM = 9.0
"""Around a lobe."""
MOST = 1.0
"""Largest amplitude: a layer of cortex grows or shrinks by a factor of e at most."""
EXACT = 5e-4
"""The amplitude is known to this share of itself."""
MOVED = 1e-4
"""Fine voxels: a move below it is none."""


@dataclass(frozen=True)
class Deformed:
    """What a deformation made of a scan.

    Attributes:
        image: ``(X, Y, Z)`` float32 on the scan's grid; the scan's own, bit for bit, where nothing moved.
        segmentation: the scan's, deformed: fractions, labels, volumes in the mL of the scan's own segmentation.
        smallest_jacobian: of all maps, over all fine voxels; above 0: nothing is folded. 1 where nothing moved.
    """

    image: np.ndarray
    segmentation: Segmentation
    smallest_jacobian: float


@dataclass(frozen=True)
class Mover:
    """One region of one scan, ready to be moved by any factor.

    Attributes:
        region: lobe or ``ventricles``.
        box: part of the grid.
        fine: ``(12, x, y, z)`` fractions of the box's fine voxels.
        velocity: ``(3, x, y, z)`` at amplitude 1.
    """

    region: str
    box: Box
    fine: np.ndarray
    velocity: np.ndarray

    @property
    def own(self) -> np.ndarray:
        """The region's fractions in fine voxels."""
        return self.fine[CHANNELS.index(self.region)]

    def displacement(self, amplitude: float) -> np.ndarray:
        """Where every fine voxel of the changed image comes from, ``(3, x, y, z)`` in fine voxels."""
        return exponential(-amplitude * self.velocity)

    def factor(self, amplitude: float) -> float:
        """The region's volume after the move over its volume before."""
        moved = pulled(self.own[None], self.displacement(amplitude))
        return float(moved.sum(dtype=np.float64) / self.own.sum(dtype=np.float64))

    def amplitude(self, factor: float, name: str) -> float:
        """The amplitude that gives a factor.

        Raises:
            UnknownTruthError: no border of this scan can be moved so far.
            UserError: the factor is not above 0.
        """
        if not np.isfinite(factor) or factor <= 0:
            raise UserError(f"{name}: {self.region} cannot have {factor:g} times its volume: give a factor above 0")
        goal = float(np.log(factor))
        divergence = sum(np.gradient(part, axis=axis) for axis, part in enumerate(self.velocity))
        rate = float((self.own * divergence).sum(dtype=np.float64) / self.own.sum(dtype=np.float64))
        guess = min(1.5 * abs(goal) / max(rate, 1e-9), MOST)
        known = {0.0: 0.0}

        def error(amplitude: float) -> float:
            if amplitude not in known:
                known[amplitude] = float(np.log(self.factor(amplitude)))
            return known[amplitude] - goal

        for end in (float(np.copysign(guess, goal)), float(np.copysign(MOST, goal))):
            if error(end) * error(0.0) <= 0:
                found = optimize.brentq(error, min(0.0, end), max(0.0, end), xtol=EXACT * abs(end))
                return float(found)
        raise UnknownTruthError(
            f"{name}: {self.region} of this scan can be brought to {np.exp(known[end]):.3f} of its volume by moving "
            f"its border, not to {factor:g}: ask for less, or leave this scan out"
        )


def mover(scan: Scan, source: Source, region: str) -> Mover:
    """Prepare one region of a scan.

    Args:
        scan: with the segmentation that says where the region is.
        source: the voxels behind it.
        region: one of `REGIONS`.

    Raises:
        UnknownTruthError: the scan has no such region.
        UserError: it has a segmentation without fractions.
    """
    fractions = _fractions(scan)
    own = fractions[CHANNELS.index(region)]
    if not own.sum() > 0:
        raise UnknownTruthError(f"{scan.key}: its segmentation shows no {region}, so that it cannot be changed")
    there = own > min(0.05, float(own.max()) / 2)
    box = box_around(there, scan.affine, MARGIN_MM if region == "ventricles" else LOBE_MARGIN_MM)
    fine = fine_fractions(fractions, source.on(box), tissue_means(scan.image, fractions), box)
    velocity = ventricle_velocity(fine, box) if region == "ventricles" else lobe_velocity(fine, region, box)
    return Mover(region, box, fine, velocity)


def deform(scan: Scan, find_source: Callable[[], Source], do: Intervention) -> Deformed:
    """The scan under ``do``.

    Args:
        scan: with its segmentation.
        find_source: gives the voxels behind it; called where something is to be moved.
        do: factors of regions. Of several each is moved by itself: no two of them move the same tissue.

    Raises:
        UnknownTruthError: a region cannot be changed so far.
        UserError: something else than regions is asked, or the scan has no segmentation with fractions.
    """
    if unknown := sorted(set(do) - set(REGIONS)):
        raise UserError(
            f"{scan.key}: nobody knows the true counterfactual of a real person ({', '.join(unknown)}); "
            f"a true image can be made for a factor of one of: {', '.join(REGIONS)}"
        )
    asked = {region: float(do[region]) for region in sorted(do) if do[region] != 1}
    if not asked and scan.segmentation is not None:
        return Deformed(scan.image.copy(), scan.segmentation, 1.0)
    _fractions(scan)  # refuses before a file is read
    source = find_source()
    return moved(scan, source, [(mover(scan, source, region), factor) for region, factor in asked.items()])


def moved(scan: Scan, source: Source, moves: Sequence[tuple[Mover, float]]) -> Deformed:
    """The scan with some regions brought to factors of their volumes; arguments and errors as `deform`."""
    fractions, image, smallest = _fractions(scan).copy(), scan.image, 1.0
    for one, factor in moves:
        displacement = one.displacement(one.amplitude(factor, scan.key))
        smallest = min(smallest, float(jacobian(displacement).min()))
        image = image + _image_change(scan.image, source, one.box, displacement)
        fractions[(slice(None), *one.box.slices)] += _fraction_change(one, displacement)
    if smallest <= 0:
        asked = ", ".join(f"{one.region} {factor:g}" for one, factor in moves)
        raise UnknownTruthError(f"{scan.key}: {asked} would fold the scan (smallest Jacobian {smallest:.3f})")
    limits = (min(0.0, float(scan.image.min())), max(CEILING, float(scan.image.max())))
    return Deformed(np.clip(image, *limits).astype(np.float32), _segmentation(scan, fractions), smallest)


def _image_change(image: np.ndarray, source: Source, box: Box, displacement: np.ndarray) -> np.ndarray:
    """What a displacement changes in an image on the grid: the voxels behind it are read once where the tissue came
    from and once where it is, each averaged over a grid voxel, and the difference is taken.

    The difference, because it is exactly 0 where nothing moved, and because what was done to the image besides (cutting
    the brightest, rounding) stays in it.
    """
    change = np.zeros(image.shape, np.float32)
    touched = np.argwhere(box.averaged((np.abs(displacement).max(0) > MOVED).astype(np.float32)) > 0)
    if not len(touched):
        return change
    each = source.samples(float(box.affine[0, 0]))
    inside = np.stack(np.meshgrid(*[(np.arange(each) + 0.5) / each - 0.5] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = touched[:, None] + inside  # in voxels of the box
    fine = np.moveaxis((places + 0.5) * box.step - 0.5, -1, 0)
    move = np.stack([ndi.map_coordinates(part, fine, order=1, mode="nearest") for part in displacement], -1)
    spacing, first = float(box.affine[0, 0]), box.affine[:3, 3] + box.affine[:3, :3] @ box.corner
    points = first + spacing * places
    before, after = (np.clip(source.at(there).mean(1), 0, CEILING) for there in (points, points + box.fine_mm * move))
    change[tuple((touched + box.corner).T)] = after - before
    return change


def _fraction_change(one: Mover, displacement: np.ndarray) -> np.ndarray:
    """What a displacement changes in the fractions of its box, ``(12, X, Y, Z)`` on the grid."""
    touched = np.abs(displacement).max(0) > MOVED
    return one.box.averaged(np.where(touched, pulled(one.fine, displacement) - one.fine, 0))


def _fractions(scan: Scan) -> np.ndarray:
    """The fractions of a scan's segmentation; raises UserError where it has none."""
    if scan.segmentation is None or scan.segmentation.fractions.size == 0:
        raise UserError(
            f"{scan.key}: a true image needs a segmentation with voxels (fractions) of the scan: use --segmenter unet"
        )
    return scan.segmentation.fractions


def _segmentation(scan: Scan, fractions: np.ndarray) -> Segmentation:
    """The scan's segmentation with other fractions; every volume changes by what its fractions did."""
    before = scan.segmentation
    assert before is not None
    old, new = (
        {name: float(values[k].sum(dtype=np.float64)) for k, name in enumerate(CHANNELS)}
        for values in (before.fractions, fractions)
    )
    ratios = {name: new[name] / old[name] for name in CHANNELS if old[name] > 0}
    place = nearest_parcel(before.labels)
    ratios |= _parcel_ratios(before, fractions, place)
    volumes = {name: volume * ratios.get(name, 1.0) for name, volume in before.volumes.items()}
    head = sum(new[name] for name in CHANNELS[1:]) / sum(old[name] for name in CHANNELS[1:])
    return dataclasses.replace(
        before,
        fractions=fractions.astype(np.float32),
        labels=_labels(before, fractions, place),
        volumes=volumes,
        head_size=before.head_size * head,
    )


def _parcel_ratios(before: Segmentation, fractions: np.ndarray, place: np.ndarray) -> dict[str, float]:
    """``lh-insula`` -> its volume after over before: its lobe's fractions where it is the nearest parcel."""
    ratios = {}
    for name, label in PARCELS.items():
        here = place == label
        lobe = CHANNELS.index(LOBE_OF[name[3:]])
        old = float(before.fractions[lobe][here].sum(dtype=np.float64))
        if old > 0:
            ratios[name] = float(fractions[lobe][here].sum(dtype=np.float64)) / old
    return ratios


def _labels(before: Segmentation, fractions: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The label map, renamed where another tissue has become the largest share of a voxel."""
    numbers = np.array([*(TISSUE_LABELS[name] for name in TISSUES), -1], np.int16)
    winners = [
        np.concatenate([values[: len(TISSUES)], values[len(TISSUES) :].sum(0, keepdims=True)]).argmax(0)
        for values in (before.fractions, fractions)
    ]
    changed = winners[0] != winners[1]
    labels = before.labels.copy()
    labels[changed] = numbers[winners[1]][changed]
    cortex = labels == -1
    labels[cortex] = place[cortex]
    return labels
