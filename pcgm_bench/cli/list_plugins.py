"""``pcgm-bench list``: what there is to choose from."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pcgm_bench.cli import options


def list_plugins(
    kind: Annotated[str, typer.Argument(help="methods, studies, metrics, features, cohorts or segmenters")],
    check: Annotated[bool, typer.Option("--check", help="Import each, and say which are broken.")] = False,
    settings: Annotated[bool, typer.Option("--settings", help="Of methods: what --set can set.")] = False,
) -> None:
    """List methods, studies, metrics, feature spaces, cohorts or segmenters, and the package each comes from."""
    from pcgm_bench import registry
    from pcgm_bench.contracts import settings_of

    if kind not in registry.KINDS:
        raise options.user_error(f"list {kind}: no such kind{registry.suggestion(kind, registry.KINDS)}")
    plugins = registry.plugins(kind)
    width = max((len(plugin.name) for plugin in plugins), default=0)
    broken = 0
    for plugin in plugins:
        problem = plugin.problem() if check else plugin.fault
        broken += bool(problem)
        print(f"{plugin.name:{width}}  {plugin.origin}" + (f"  BROKEN: {problem}" if problem else ""))
        if settings and kind == "methods" and not problem:
            print(*(f"    {line}\n" for line in settings_of(plugin.load().settings_type)), sep="", end="")
    if not plugins:
        print(f"no {kind} yet", file=sys.stderr)
    if broken and check:
        raise options.user_error(f"{broken} of {len(plugins)} {kind} cannot be used; see the list")
