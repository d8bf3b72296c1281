#!/bin/sh
# Locks every package by name, version and hash: requirements/run.txt for running, requirements/dev.txt for all,
# requirements/peers-*.txt (from the .in files beside them) for what Portico is measured beside.
#
# Lock with the oldest Python that is supported, so that what only old versions need is in. No index host is
# written: packages come from wherever the reader's pip gets them, and the hashes tell that they are the same.
set -eu
cd "$(dirname "$0")/.."
export CUSTOM_COMPILE_COMMAND="make lock"

compile() {
    pip-compile --quiet --no-config --generate-hashes --strip-extras --allow-unsafe --no-emit-options "$@"
}

compile_ours() {
    compile --build-deps-for editable --build-deps-for wheel "$@" pyproject.toml
}

python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    { echo "portico: lock with Python 3.11, the oldest that is supported: make lock PYTHON=python3.11 VENV=/tmp/venv" >&2; exit 1; }

compile_ours "$@" --extra asgi --extra redis --extra samples --output-file requirements/run.txt
compile_ours "$@" --all-extras --constraint requirements/run.txt --output-file requirements/dev.txt
compile "$@" --output-file requirements/suites.txt requirements/suites.in
compile "$@" --output-file requirements/fuzz.txt requirements/fuzz.in
for peers in requirements/peers-*.in; do
    compile "$@" --output-file "${peers%.in}.txt" "$peers"
done
echo "Locked. Look at the difference before you commit: git diff --stat requirements/"
