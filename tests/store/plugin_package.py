"""A third party's package, installed as pip leaves it: modules, data and metadata in one folder."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

GENERATOR = '''
"""A generator."""
from __future__ import annotations
from typing import TYPE_CHECKING
from ..net import Net
if TYPE_CHECKING:
    from deepkit.types_only import Shape

class Gen:
    """Docstring."""

    def sample(self) -> Shape:
        from deepkit.late import late  # only when it runs
        return late(Net())
'''
FILES = {
    "deepkit/__init__.py": "",
    "deepkit/methods/__init__.py": "",
    "deepkit/methods/gen.py": GENERATOR,
    "deepkit/net.py": "import importlib\nfrom deepkit.layers import block\nimport deepkit_core\n"
    "named = importlib.import_module('deepkit.named')\n\nclass Net:\n    factor = 0.9\n",
    "deepkit/layers/__init__.py": "",
    "deepkit/layers/block.py": "def block(x):\n    return x\n",
    "deepkit/late.py": "def late(x):\n    return x\n",
    "deepkit/named.py": "SCALE = 1\n",
    "deepkit/types_only.py": "Shape = tuple\n",
    "deepkit/unused.py": "x = 1\n",
    "deepkit/config/net.yaml": "width: 8\nhead:\n  _target_: deepkit.heads.linear.Linear\n",
    "deepkit/heads/linear.py": "Linear = 1\n",
    "deepkit/README.md": "# A readme\n",
    "deepkit/weights/net.safetensors": "weights",
    "deepkit_core.py": "CORE = 1\n",
    "deepkit-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: deepkit\nVersion: 1.0\n",
    "deepkit-1.0.dist-info/top_level.txt": "deepkit\ndeepkit_core\n",
    "deepkit-1.0.dist-info/entry_points.txt": "[pcgm_bench.methods]\ngen = deepkit.methods.gen:Gen\n",
}


def write_files(root: Path, files: dict[str, str]) -> None:
    """Write text files below a folder."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def load(monkeypatch: pytest.MonkeyPatch, root: Path, module: str, name: str) -> Any:
    """Put a folder on the import path, and import something from it; all is undone after the test."""
    top = module.split(".")[0]
    for known in [known for known in sys.modules if known.startswith(top)]:
        monkeypatch.delitem(sys.modules, known)
    monkeypatch.syspath_prepend(root)
    before = set(sys.modules)
    plugin = getattr(importlib.import_module(module), name)
    for new in set(sys.modules) - before:
        monkeypatch.setitem(sys.modules, new, sys.modules.pop(new))
    return plugin
