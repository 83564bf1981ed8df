"""Plugin code is called inside a guard; what the user can mend stays the user's error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import UserError
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.registry import Plugin


@contextmanager
def calling(plugin: Plugin, doing: str, passing: type[UserError] = UserError) -> Iterator[None]:
    """As `pcgm_bench.plugin_guard.guarded`, but some errors that the user can mend pass as they are.

    Studies, cohorts and segmenters are asked about the user's own data: a cohort that is too small, a label map that is
    missing. Any `UserError` of theirs is the user's. A generator, a metric or an extractor that raises `UserError` is
    at fault itself, and only its row or number is missing. There, `DamagedFileError` alone passes: the plugin has read
    a stored file that is not what was stored.

    Args:
        plugin: whose code runs.
        doing: what it does, for the message.
        passing: errors that pass.

    Raises:
        UserError: of the kind that passes.
        PluginError: for everything else that the plugin raises.
    """
    try:
        with guarded(plugin, doing):
            yield
    except PluginError as error:
        if isinstance(error.__cause__, passing):
            raise error.__cause__ from error
        raise
