"""What an entry point loads must be a class of the right contract, complete, and under its own name."""

from __future__ import annotations

from abc import ABCMeta

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Metric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import ReadingStudy
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import Study
from pcgm_bench.plugin_guard import WrongReturn

CONTRACTS: dict[str, tuple[type, ...]] = {
    "methods": (Generator,),
    "studies": (Study, ReadingStudy),
    "metrics": (Metric,),
    "features": (FeatureExtractor,),
    "cohorts": (CohortSource,),
    "segmenters": (Segmenter,),
}
"""Kind of plugin -> the classes of which it is a subclass."""


def checked(kind: str, name: str, loaded: object) -> type:
    """The loaded object, if it is a plugin of this kind.

    Args:
        kind: a key of `CONTRACTS`.
        name: of the entry point.
        loaded: what the entry point names.

    Raises:
        WrongReturn: it is no subclass of the contract, lacks a method, or has no identity or another's.
    """
    contracts = CONTRACTS[kind]
    wanted = " or ".join(contract.__name__ for contract in contracts)
    if not isinstance(loaded, type):
        article = "an" if type(loaded).__name__[0] in "aeiou" else "a"
        raise WrongReturn(f"the entry point is {article} {type(loaded).__name__}, not a subclass of {wanted}")
    if not issubclass(loaded, contracts):
        raise WrongReturn(f"{loaded.__name__} is not a subclass of {wanted}")
    if isinstance(loaded, ABCMeta) and loaded.__abstractmethods__:
        missing = ", ".join(sorted(loaded.__abstractmethods__))
        raise WrongReturn(f"{loaded.__name__} does not define {missing}")
    if issubclass(loaded, Generator):
        _check_card(name, loaded)
    elif issubclass(loaded, Metric):
        _check_record(loaded)
    return loaded


def _check_card(name: str, generator: type[Generator]) -> None:
    try:
        card: object = generator.card
    except AttributeError as error:
        raise WrongReturn(f"{generator.__name__} has no card") from error
    if not isinstance(card, Card):
        raise WrongReturn(f"the card of {generator.__name__} is of type {type(card).__name__}, not Card")
    if card.name != name:
        raise WrongReturn(f"the card says {card.name!r}, the entry point {name!r}: make them equal")


def _check_record(metric: type[Metric]) -> None:
    try:
        record: object = metric.record
    except AttributeError as error:
        raise WrongReturn(f"{metric.__name__} has no record") from error
    if not isinstance(record, MetricRecord):
        raise WrongReturn(f"the record of {metric.__name__} is of type {type(record).__name__}, not MetricRecord")
