#!/bin/sh
# Builds Portico with its road compiled to machine code, by the Python of the virtual environment.
#
#   tools/compiled.sh           installs it into .venv-compiled; its bin/portico is used like any other
#   tools/compiled.sh test      runs tests against it: those of bytes, streams and reloads
#
# Needs a C compiler and Python's headers (on Debian: gcc and python3-dev). The packages are the locked ones.
set -eu
cd "$(dirname "$0")/.."

python=$(pwd)/${VENV:-.venv}/bin/python
compiled=.venv-compiled
mode=${1:-install}
work=build/compiled-$mode

missing() {
    if [ "$mode" = test ]; then
        printf 'The compiled build is not tested here: %s\n' "$*"
        exit 0
    fi
    fail "$*"
}

fail() {
    printf 'portico: %s\n' "$*" >&2
    exit 1
}

pip() {
    "$python" -m pip --quiet --disable-pip-version-check --no-input "$@" 2>"$work/pip.log" || {
        tail -n 3 "$work/pip.log" >&2
        fail "pip failed; all that it said: $work/pip.log"
    }
}

source_of() {
    { find portico -name '*.py' -type f -print0 | sort -z | xargs -0 cat; cat tools/compiled.py requirements/run.txt; } | cksum
}

build() {
    [ -f "$work/built-from" ] && [ "$(cat "$work/built-from")" = "$(source_of)" ] && return
    command -v "${CC:-gcc}" >/dev/null 2>&1 || missing "a C compiler is missing. Install it: apt-get install gcc"
    headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -f "$headers/Python.h" ] ||
        missing "Python's headers are missing in $headers. Install them: apt-get install python3-dev"
    printf 'Compiling the road. It takes a minute or two.\n'
    rm -rf "$work" && mkdir -p "$work"
    PORTICO_COMPILED=$level "$python" -m build --wheel --no-isolation --outdir "$work" >"$work/build.log" 2>&1 || {
        grep -E 'error:|Error' "$work/build.log" | head -n 5 >&2
        fail "the compiled wheel could not be built. All that was said: $work/build.log"
    }
    source_of >"$work/built-from"
}

install() {
    [ -f "$compiled/built-from" ] && cmp -s "$compiled/built-from" "$work/built-from" && return
    [ -x "$compiled/bin/python" ] || "$python" -m venv "$compiled"
    pip --python "$compiled/bin/python" install --only-binary :all: --require-hashes -r requirements/run.txt
    pip --python "$compiled/bin/python" install --no-deps --force-reinstall "$work"/*.whl
    "$compiled/bin/python" -P -c 'import sys, portico.gateway.road as road; sys.exit(road.__file__.endswith(".py"))' ||
        fail "what was installed into $compiled is not compiled"
    cp "$work/built-from" "$compiled/built-from"
    printf 'Built: %s/bin/portico\n' "$compiled"
}

# From a folder in which there is no source to import by mistake.
run_tests() {
    outside=$work/outside
    rm -rf "$outside" "$work/site" && mkdir -p "$outside"
    pip install --no-deps --target "$work/site" "$work"/*.whl
    for name in tests samples profiles examples docs bench load pyproject.toml README.md; do
        ln -s "$(pwd)/$name" "$outside/$name"
    done
    printf 'Testing what was compiled.\n'
    site=$(pwd)/$work/site
    cd "$outside"
    PYTHONPATH=$site "$python" -P -c 'import sys, portico.gateway.road as road; sys.exit(road.__file__.endswith(".py"))' ||
        fail "the tests would not run what was compiled"
    PYTHONPATH=$site exec "$python" -P -m pytest -q -p no:cacheprovider -n auto --maxprocesses "${JOBS:-4}" \
        --dist loadgroup tests/conformance tests/integration/test_streams*.py tests/integration/test_reload*.py \
        tests/integration/test_slow*.py tests/integration/test_callers.py
}

case $mode in
    install) level=3 && build && install ;;
    test) level=1 && build && run_tests ;;
    *) fail "what is '$mode'? Nothing, or test." ;;
esac
