"""The toys of `fakes` and `fakes_studies` as registered plugins."""

from __future__ import annotations

from pcgm_bench.registry import Kind
from pcgm_bench.registry import Plugin

TOYS: dict[Kind, dict[str, str]] = {
    "methods": {
        "shifter": "fakes:Shifter",
        "second": "fakes:SecondShifter",
        "truth": "fakes:Truth",
        "copy": "fakes:Repeater",
        "sampler": "fakes:Sampler",
        "spoiler": "fakes:Spoiler",
        "planner": "fakes:Planner",
        "copier": "fakes:Copier",
    },
    "studies": {
        "toy": "fakes_studies:ToyStudy",
        "toy-copy": "fakes_studies:CopyStudy",
        "toy-samples": "fakes_studies:ToySampleStudy",
        "toy-privacy": "fakes_studies:ToyPrivacyStudy",
    },
    "metrics": {
        "brightness": "fakes_studies:Brightness",
        "contrast": "fakes_studies:Contrast",
        "sets": "fakes_studies:Sets",
    },
    "features": {"corner": "fakes_studies:Corner"},
    "cohorts": {"toy": "fakes:ToySource", "labelled": "fakes:LabelledToySource"},
    "segmenters": {"toy": "fakes:ToySegmenter", "content": "fakes:ContentSegmenter"},
}


def toy_plugins(kind: Kind) -> list[Plugin]:
    """Stands in for `registry._found`."""
    return [Plugin(kind, name, target, "toys", "1") for name, target in TOYS[kind].items()]
