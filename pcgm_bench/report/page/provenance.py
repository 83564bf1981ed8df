"""What a number of the report stands on, and the command that makes it again; no path, host or date."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from pcgm_bench.board.privacy import without_paths
from pcgm_bench.results.scores import Scores
from pcgm_bench.store import Identity
from pcgm_bench.store import Manifest

PROGRAM = "pcgm-bench"


def provenance(identity: Identity, manifest: Manifest, scores: Scores) -> list[tuple[str, str]]:
    """``(what, value)`` lines."""
    last = manifest.sessions[-1] if manifest.sessions else None
    lines = [
        ("run", identity.key),
        ("method", identity.method_with_settings),
        ("version, code and weights of the method", identity.generator),
        *((what, without_paths(words)) for what, words in scores.method.items()),
        ("study", f"{identity.study}, {identity.study_version}"),
        ("cohort", f"{identity.cohort} ({'simulated people' if scores.is_phantom else 'real scans'})"),
        ("content of the cohort", identity.cohort_hash),
        ("segmenter", identity.segmenter),
        ("seed", str(identity.seed)),
        ("size", "quick: few people, to see it work" if identity.quick else "full"),
        ("device and threads", f"{identity.device}, {identity.threads}"),
        ("processor", manifest.instructions),
        ("scores", scores.scored_by),
    ]
    if last is not None:
        lines.append(("code", last.git_commit or "an installed package"))
        lines.append(("libraries", ", ".join(f"{name} {version}" for name, version in last.versions.items())))
    return [(what, value) for what, value in lines if value]


def command(identity: Identity, manifest: Manifest) -> str:
    """What was typed, every path hidden; built from the run's own record where it was no command."""
    typed = next((session.command for session in reversed(manifest.sessions) if _is_command(session.command)), None)
    if typed is None:
        words = ["run", "--method", identity.method, "--study", identity.study, "--seed", str(identity.seed)]
        return shlex.join([PROGRAM, *words, *(["--quick"] if identity.quick else [])])
    return " ".join([PROGRAM, *(_word(word) for word in typed[1:])])


def _is_command(typed: Sequence[str]) -> bool:
    return len(typed) > 1 and os.path.basename(typed[0]) == PROGRAM and typed[1] in ("run", "score")


def _word(word: str) -> str:
    """A word of a command, or PATH in place of a path.

    >>> _word("--seed"), _word("/data/my scans"), _word("--weights=../w")
    ('--seed', 'PATH', '--weights=PATH')
    """
    name, equals, value = word.partition("=")
    if equals and ("/" in value or "\\" in value):
        return f"{name}=PATH"
    return "PATH" if "/" in word or "\\" in word else shlex.quote(word)
