"""Names of brain regions: Desikan-Killiany parcels, lobes, and the tissue channels of a segmentation.

Sources: Desikan et al. 2006 (doi 10.1016/j.neuroimage.2006.01.021) for the 34 parcels; FreeSurfer's
``mri_annotation2label --lobesStrict`` for the lobes; ``FreeSurferColorLUT`` for the numbers.
"""

from __future__ import annotations

LOBES: dict[str, tuple[str, ...]] = {
    "frontal": (
        "superiorfrontal", "rostralmiddlefrontal", "caudalmiddlefrontal", "parsopercularis", "parstriangularis",
        "parsorbitalis", "lateralorbitofrontal", "medialorbitofrontal", "precentral", "paracentral", "frontalpole",
    ),
    "parietal": ("superiorparietal", "inferiorparietal", "supramarginal", "postcentral", "precuneus"),
    "temporal": (
        "superiortemporal", "middletemporal", "inferiortemporal", "bankssts", "fusiform", "transversetemporal",
        "entorhinal", "temporalpole", "parahippocampal",
    ),
    "occipital": ("lateraloccipital", "lingual", "cuneus", "pericalcarine"),
    "cingulate": (
        "rostralanteriorcingulate", "caudalanteriorcingulate", "posteriorcingulate", "isthmuscingulate",
    ),
    "insula": ("insula",),
}  # fmt: skip
"""Lobe -> its Desikan-Killiany regions (FreeSurfer ``--lobesStrict``)."""

LOBE_NAMES: tuple[str, ...] = tuple(LOBES)

DK_NUMBERS: dict[str, int] = {
    "bankssts": 1, "caudalanteriorcingulate": 2, "caudalmiddlefrontal": 3, "cuneus": 5, "entorhinal": 6,
    "fusiform": 7, "inferiorparietal": 8, "inferiortemporal": 9, "isthmuscingulate": 10, "lateraloccipital": 11,
    "lateralorbitofrontal": 12, "lingual": 13, "medialorbitofrontal": 14, "middletemporal": 15,
    "parahippocampal": 16, "paracentral": 17, "parsopercularis": 18, "parsorbitalis": 19, "parstriangularis": 20,
    "pericalcarine": 21, "postcentral": 22, "posteriorcingulate": 23, "precentral": 24, "precuneus": 25,
    "rostralanteriorcingulate": 26, "rostralmiddlefrontal": 27, "superiorfrontal": 28, "superiorparietal": 29,
    "superiortemporal": 30, "supramarginal": 31, "frontalpole": 32, "temporalpole": 33, "transversetemporal": 34,
    "insula": 35,
}  # fmt: skip
"""Desikan-Killiany region -> FreeSurfer number; add 1000 for the left and 2000 for the right hemisphere."""

DK_REGIONS: tuple[str, ...] = tuple(DK_NUMBERS)

LOBE_OF: dict[str, str] = {region: lobe for lobe, regions in LOBES.items() for region in regions}

TISSUES: tuple[str, ...] = (
    "background", "csf", "ventricles", "white_matter", "deep_grey", "cerebellum_brainstem",
)  # fmt: skip

CHANNELS: tuple[str, ...] = TISSUES + LOBE_NAMES
"""Channels of `Segmentation.fractions`, in order; they add up to one in every voxel."""

TISSUE_LABELS: dict[str, int] = {
    "background": 0, "csf": 24, "ventricles": 4, "white_matter": 2, "deep_grey": 10, "cerebellum_brainstem": 16,
}  # fmt: skip
"""FreeSurfer label written for a tissue in a label map (left-hemisphere number where there are two)."""


def dk_label(region: str, hemisphere: str) -> int:
    """FreeSurfer label of a Desikan-Killiany region.

    >>> dk_label("insula", "lh"), dk_label("insula", "rh")
    (1035, 2035)
    """
    return DK_NUMBERS[region] + {"lh": 1000, "rh": 2000}[hemisphere]


PARCELS: dict[str, int] = {f"{side}-{region}": dk_label(region, side) for side in ("lh", "rh") for region in DK_REGIONS}
"""FreeSurfer label of each of the 68 parcels by its volume's name: ``lh-bankssts`` ... ``rh-insula``."""
