"""Makes the viewer's library again from the npm package, and compares it with what was pinned.

python tools/niivue.py          needs npm and its registry
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from pcgm_bench.report.page.viewer import SHA256
from pcgm_bench.report.page.viewer import VERSION

PACKAGE = f"@niivue/niivue@{VERSION}"
SCRIPT = "package/dist/niivue.umd.js"
TARGET = Path(__file__).parents[1] / "pcgm_bench" / "report" / "page" / "niivue" / f"niivue-{VERSION}.umd.js.gz"


def main() -> int:
    """Write `TARGET`; 1 where the package holds another file than the pinned one."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile(SCRIPT)
            script = member.read() if member else b""
    found = hashlib.sha256(script).hexdigest()
    if found != SHA256:
        print(f"{PACKAGE}: {SCRIPT} has SHA-256 {found}, and {SHA256} was pinned", file=sys.stderr)
        return 1
    TARGET.write_bytes(gzip.compress(script, 9, mtime=0))
    print(f"{TARGET.name}: {len(script)} bytes of script, as pinned")
    return 0


if __name__ == "__main__":
    sys.exit(main())
