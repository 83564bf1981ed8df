"""Errors with a meaning: what the user can mend, and what a plugin did wrong."""

from __future__ import annotations


class UserError(Exception):
    """The user's mistake: one line that names the file or subject, what is wrong, and what to do. Exit code 2."""


class PoorScanError(UserError):
    """One scan of a cohort cannot be used, the others can: a study leaves it out. Elsewhere it is an error."""


class UnknownTruthError(UserError):
    """The true image of one request on one scan is not known, those of others are.

    A run leaves that image out of the row of the oracle, and says so. Elsewhere it is an error.
    """


class PluginError(Exception):
    """What a plugin does wrong, in one line: which plugin, of which package, where, on which scan. Exit code 1.

    The harness makes these; a plugin raises what it likes. The row of a failing generator is missing from the tables
    with this line as the reason; the other rows are made and scored.

    Attributes:
        plugin: kind and name: ``method 'pcgm'``.
        origin: distribution and version: ``pcgm-bench 0.2.0``.
        problem: what happened, with the scan and the place in the code where they are known.
    """

    def __init__(self, plugin: str, origin: str, problem: str) -> None:
        """Keep the parts; the message is ``plugin (origin): problem``."""
        super().__init__(f"{plugin} ({origin}): {problem}")
        self.plugin, self.origin, self.problem = plugin, origin, problem

    def __reduce__(self) -> tuple[type[PluginError], tuple[str, str, str]]:
        """The parts again, for another process."""
        return type(self), (self.plugin, self.origin, self.problem)
