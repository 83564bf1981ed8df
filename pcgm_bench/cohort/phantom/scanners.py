"""The scanners that a phantom cohort may come from: contrast, shading, noise, sharpness, slices and motion.

``default`` is sharp and even; its contrast is that of 24 real scans (ds002748 and ds000011). The other three are
chosen, not fitted to a machine: each is hard in its own way, and none is outside what is seen in multi-site studies
(Jovicich et al. 2009, doi 10.1016/j.neuroimage.2009.02.010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.cohort.phantom.roster import Visit

DEFAULT = "default"
MIX = "mix"
MIXED_OF = ("A", "B")
"""The two scanners of ``mix``: one soft and noisy, one sharp and unevenly bright."""


@dataclass(frozen=True)
class Scanner:
    """How a scanner shows a brain; intensities in units of white matter.

    Attributes:
        csf, ventricles, white_matter, deep_grey, below, grey: mean intensity of each tissue (``below``: cerebellum and
            brain stem; ``grey``: cortex).
        superficial: how much darker white matter is under the cortex, in steps from grey to white matter: .52
            (s.d. .09) in 24 real scans.
        bias: log-s.d. of the uneven brightness (bias field).
        bias_knots: knots an axis on which the bias field is drawn: few are smooth.
        centre: how much brighter (log) the middle of the head is than its border.
        noise: s.d. of each of the two channels of Rician noise.
        blur_mm: full width at half maximum of the point spread function, 0: none.
        slices_mm: thickness of axial slices, which are put back on the grid by linear interpolation; 0: none.
        motion_mm, motion_degrees: s.d. of one movement of the head during the scan, an axis.
    """

    csf: float = 0.30
    ventricles: float = 0.21
    white_matter: float = 1.0
    deep_grey: float = 0.83
    below: float = 0.78
    grey: float = 0.58
    superficial: float = 0.52
    bias: float = 0.08
    bias_knots: int = 8
    centre: float = 0.0
    noise: float = 0.025
    blur_mm: float = 0.0
    slices_mm: float = 0.0
    motion_mm: float = 0.0
    motion_degrees: float = 0.0

    @property
    def means(self) -> tuple[float, ...]:
        """Intensities of the background, the five tissues and cortex: the order of `pcgm_bench.anatomy.TISSUES`."""
        return (0.0, self.csf, self.ventricles, self.white_matter, self.deep_grey, self.below, self.grey)


SCANNERS: dict[str, Scanner] = {
    DEFAULT: Scanner(),
    # A weak magnet: little contrast, much noise, soft.
    "A": Scanner(csf=0.38, ventricles=0.31, deep_grey=0.87, below=0.84, grey=0.68, bias=0.05, noise=0.045, blur_mm=4.0),
    # A strong magnet: bright in the middle, much contrast, sharp; the head moves a little.
    "B": Scanner(csf=0.22, ventricles=0.13, deep_grey=0.80, below=0.74, grey=0.51, bias=0.12, bias_knots=4, centre=0.25,
                 noise=0.02, motion_mm=0.6, motion_degrees=0.6),
    # A clinical scan in thick slices.
    "C": Scanner(csf=0.33, ventricles=0.26, deep_grey=0.84, below=0.80, grey=0.62, bias=0.10, bias_knots=6, noise=0.03,
                 slices_mm=5.0),
}  # fmt: skip
CHOICES = (*SCANNERS, MIX)


def deal(visits: Sequence[Visit]) -> dict[str, str]:
    """Which of the two scanners of ``mix`` each subject was scanned by, at all visits.

    People take turns within each diagnosis and sex, so that neither says anything about the scanner.
    """
    first = {visit.person.subject: visit.person for visit in visits}
    people = sorted(first.values(), key=lambda who: (who.diagnosis, who.sex))
    return {who.subject: MIXED_OF[turn % len(MIXED_OF)] for turn, who in enumerate(people)}
