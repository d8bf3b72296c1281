#!/bin/sh
# Builds Portico with its road compiled to machine code, and installs it into a virtual environment of its own.
#
#   tools/compiled.sh [VENV]     by default .venv-compiled; its bin/portico is used like any other
#
# Needs a C compiler and Python's headers (on Debian: gcc and python3-dev). The packages are the locked ones.
set -eu
cd "$(dirname "$0")/.."

python=$(pwd)/${VENV:-.venv}/bin/python
compiled=${1:-.venv-compiled}
work=build/compiled
stamp=$compiled/built-from

fail() {
    printf 'portico: %s\n' "$*" >&2
    exit 1
}

source_of() {
    { find portico -name '*.py' -type f -print0 | sort -z | xargs -0 cat; cat tools/compiled.py requirements/run.txt; } | cksum
}

[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(source_of)" ] && exit 0

command -v "${CC:-gcc}" >/dev/null 2>&1 || fail "a C compiler is missing. Install it: apt-get install gcc"
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -f "$headers/Python.h" ] || fail "Python's headers are missing in $headers. Install them: apt-get install python3-dev"

printf 'Compiling the road. It takes a minute or two.\n'
rm -rf "$work" && mkdir -p "$work"
PORTICO_COMPILED=1 "$python" -m build --wheel --no-isolation --outdir "$work" >"$work/build.log" 2>&1 || {
    tail -n 5 "$work/build.log" >&2
    fail "the compiled wheel could not be built. All that was said: $work/build.log"
}
[ -x "$compiled/bin/python" ] || "$python" -m venv "$compiled"
"$compiled/bin/python" -m pip --quiet --disable-pip-version-check --no-input install \
    --only-binary :all: --require-hashes -r requirements/run.txt
"$compiled/bin/python" -m pip --quiet --disable-pip-version-check --no-input install \
    --no-deps --force-reinstall "$work"/*.whl
"$compiled/bin/python" -P -c 'import sys, portico.gateway.road as road; sys.exit(road.__file__.endswith(".py"))' ||
    fail "what was installed into $compiled is not compiled"
source_of >"$stamp"
printf 'Built: %s/bin/portico\n' "$compiled"
