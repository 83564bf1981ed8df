"""Maps the top-level folders to import names: ``methods/`` is ``pcgm_bench.methods``, and so on.

The symlinks ``pcgm_bench/{methods,metrics,studies}`` are for editors and type checkers; the build leaves them alone,
so that every file is in a wheel once, and a checkout without symlinks (Windows) builds the same wheel.
"""

from setuptools import find_packages
from setuptools import setup

ROOTS = ("methods", "metrics", "studies")
LINKS = [pattern for root in ROOTS for pattern in (root, f"{root}.*")]
DATA = ["*.safetensors", "*.json", "*.tsv", "*.csv", "*.nii.gz", "*.md", "py.typed"]
DATA += ["*.html", "*.css", "*.js", "*.js.gz", "LICENSES.txt"]

packages = [
    "pcgm_bench",
    *(f"pcgm_bench.{name}" for name in find_packages("pcgm_bench", exclude=LINKS)),
    *(f"pcgm_bench.{root}{'.' + name if name else ''}" for root in ROOTS for name in ("", *find_packages(root))),
]
# Below a package, data may lie in folders that are no packages; not below the top one, where the links are.
anywhere = DATA + [f"**/{pattern}" for pattern in DATA]

setup(
    packages=packages,
    package_dir={f"pcgm_bench.{root}": root for root in ROOTS},
    package_data={package: DATA if package == "pcgm_bench" else anywhere for package in packages},
)
