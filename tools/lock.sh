#!/usr/bin/env bash
# Writes constraints.txt: the newest versions that fit pyproject.toml, resolved in a fresh environment.
# Usage: tools/lock.sh PYTHON TORCH_INDEX
#
# torch stays at the version that the shipped weights were made with, without a build tag, so that the same file serves
# CPU and CUDA; what only the CUDA build pulls in is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 torch_index=$2
torch=torch==2.13.0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "== resolving in $scratch"
"$python" -m venv "$scratch/venv"
pip=("$scratch/venv/bin/python" -m pip --disable-pip-version-check)
echo "$torch" > "$scratch/torch.txt"
if [ -n "$torch_index" ]; then
    "${pip[@]}" install --retries 1 --timeout 30 --no-deps --index-url "$torch_index" "$torch" || "${pip[@]}" install "$torch"
fi
"${pip[@]}" install -c "$scratch/torch.txt" "setuptools>=77" wheel
"${pip[@]}" install -c "$scratch/torch.txt" --no-build-isolation -e ".[dev]"
{
    echo "# Versions that are tested together; made by \`make lock\`, not by hand."
    "${pip[@]}" freeze --exclude-editable --exclude pip --exclude setuptools --exclude wheel |
        sed -E 's/^(torch==[^+]*)\+.*/\1/' |
        grep -viE '^(nvidia|triton|cuda)[-_a-z0-9]*(==| @)' |
        LC_ALL=C sort -f
} > "$scratch/constraints.txt"
mv "$scratch/constraints.txt" constraints.txt
echo "== constraints.txt: $(grep -c == constraints.txt) packages"
