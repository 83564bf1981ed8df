"""The shape of the code: short functions, short modules, no import cycle, plugins asked by their documented names."""

from __future__ import annotations

import ast
import graphlib
import re
import statistics
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
FUNCTION_LINES, MODULE_LINES, MEDIAN_LINES = 60, 400, 130
# `methods`, `metrics` and `studies` lie beside `pcgm_bench`, which links to them; links are not followed here.
MODULES = sorted(
    path for folder in ("pcgm_bench", "methods", "metrics", "studies") for path in (ROOT / folder).rglob("*.py")
)
REFLECTION = re.compile(r"hasattr\(|getattr\(|inspect\.signature|sys\.modules")
ASKED_OF_PYTHON = {
    "pcgm_bench/cli/main.py": 1,  # notes of an exception: the attribute is there once there is a note
    "pcgm_bench/doctor.py": 2,  # functions of `os` that not every platform has
    "pcgm_bench/process.py": 3,  # `multiprocessing` looks in `sys.modules` for what a child imports first
    "pcgm_bench/results/select.py": 1,  # a field of a dataclass by its name
    "pcgm_bench/runner/executors/local.py": 1,  # a function of `os` that not every platform has
    "pcgm_bench/runner/lazy_scan.py": 1,  # the fields of a dataclass
    "pcgm_bench/runner/plugin_code.py": 1,  # what is loaded, and from which file
}
REASON = "Python itself is asked"
NEAR = 6
"""Lines above a use in which its reason must stand."""


def lines_of(path: Path) -> list[str]:
    """All lines, docstrings and comments included."""
    return path.read_text(encoding="utf-8").splitlines()


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, without its docstring."""
    body = function.body[ast.get_docstring(function, clean=False) is not None :]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def long_functions(text: str) -> list[str]:
    """Functions whose body is too long, with their length."""
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{f.name}: {body_lines(f)}" for f in functions if body_lines(f) > FUNCTION_LINES]


def cycle_in(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring, or nothing."""
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_every_module_is_looked_at() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in MODULES}
    assert names == {"pcgm_bench", "methods", "metrics", "studies"}
    assert len(MODULES) == len({path.resolve() for path in MODULES}) > 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_and_modules_are_short(path: Path) -> None:
    assert len(lines_of(path)) <= MODULE_LINES
    assert long_functions(path.read_text(encoding="utf-8")) == []


def test_half_the_modules_are_shorter_still() -> None:
    assert statistics.median(len(lines_of(path)) for path in MODULES) <= MEDIAN_LINES


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph("pcgm_bench", exclude_type_checking_imports=True, cache_dir=None)
    assert len(graph.modules) == len(MODULES)
    assert cycle_in({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}) == []


def test_attributes_are_asked_by_name_only_where_python_itself_is_asked() -> None:
    used: dict[str, int] = {}
    for path in MODULES:
        lines, name = lines_of(path), str(path.relative_to(ROOT))
        for number, line in enumerate(lines):
            if count := len(REFLECTION.findall(line.partition("#")[0])):
                used[name] = used.get(name, 0) + count
                above = "\n".join(lines[max(0, number - NEAR) : number + 1])
                assert REASON in above, f"{name}:{number + 1} does not say why"
    assert used == ASKED_OF_PYTHON


def test_a_fault_would_be_seen() -> None:
    body = "    x = 1\n" * (FUNCTION_LINES + 1)
    assert long_functions(f'def f():\n    """Doc."""\n{body}') == ["f: 61"]
    assert long_functions(f'def f():\n    """Doc\n\n\n    long."""\n{body[10:]}') == []
    assert set(cycle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
    assert REFLECTION.search("value = getattr(plugin, 'name')")
