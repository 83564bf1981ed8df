#!/usr/bin/env bash
# Makes a virtual environment and installs pcgm-bench, editable, with the versions of constraints.txt.
# Usage: tools/install.sh PYTHON VENV TORCH_INDEX   (an empty TORCH_INDEX: torch from the usual index)
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 venv=$2 torch_index=$3

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$python is $("$python" --version 2>&1); pcgm-bench needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2
    exit 2
fi
if [ ! -x "$venv/bin/python" ]; then
    echo "== making the virtual environment $venv"
    if ! "$python" -m venv "$venv"; then
        rm -rf "$venv"
        echo "no venv module: install it first (Debian, Ubuntu: apt install python3-venv)" >&2
        exit 2
    fi
fi
# The three parts at the top are links inside the package; a checkout without symbolic links has text files there.
for part in methods metrics studies; do
    if [ ! -L "pcgm_bench/$part" ] && [ ! -d "pcgm_bench/$part" ]; then
        rm -f "pcgm_bench/$part"
        ln -s "../$part" "pcgm_bench/$part"
    fi
done
pip=("$venv/bin/python" -m pip --disable-pip-version-check)
pinned=$(grep -E '^torch==' constraints.txt)

# torch comes first and by itself: its CPU build lies on an index of its own, and must not be replaced later.
if ! "$venv/bin/python" -c "
import importlib.metadata as m, sys
sys.exit(m.version('torch').partition('+')[0] != '${pinned#torch==}')" 2>/dev/null; then
    echo "== installing $pinned ${torch_index:+from $torch_index}"
    if [ -n "$torch_index" ]; then
        "${pip[@]}" install --retries 1 --timeout 30 --no-deps --index-url "$torch_index" "$pinned" ||
            "${pip[@]}" install -c constraints.txt "$pinned"
    else
        "${pip[@]}" install -c constraints.txt "$pinned"
    fi
fi
echo "== installing pcgm-bench and what it needs (constraints.txt)"
"${pip[@]}" install -c constraints.txt "setuptools>=77" wheel
"${pip[@]}" install -c constraints.txt --no-build-isolation -e ".[dev]"
