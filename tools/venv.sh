#!/bin/sh
# Makes the virtual environment and installs the locked packages, only when the lock has changed since.
#
#   tools/venv.sh run           what the gateway and its samples need
#   tools/venv.sh dev           that, and what the checks and tests need
#   tools/venv.sh peers-NAME    what Portico is measured beside, in an environment of its own, without Portico
#
# Every package is checked against the hash in requirements/; nothing is ever built from source, so that
# no unlocked build tool gets in. Where packages come from is pip's own configuration, never this project's.
set -eu
cd "$(dirname "$0")/.."

kind=$1
python=${PYTHON:-python3}
venv=${VENV:-.venv}
lock=requirements/$kind.txt
log=$venv/install.log

fail() {
    printf 'portico: %s\n' "$*" >&2
    exit 1
}

[ -f "$lock" ] || fail "there is no $lock"

fingerprint() {
    case $1 in
    peers-*) cksum <"requirements/$1.txt" ;;
    *) cat "requirements/$1.txt" pyproject.toml | cksum ;;
    esac
}

installed() {
    [ -f "$venv/lock-$1" ] && [ "$(cat "$venv/lock-$1")" = "$(fingerprint "$1")" ]
}

usable() {
    "$venv/bin/python" -c 'import pip' 2>/dev/null
}

if usable && { installed "$kind" || installed dev; }; then
    exit 0
fi

if ! usable; then
    command -v "$python" >/dev/null 2>&1 ||
        fail "$python is missing. Install Python 3.11 or newer: apt-get install python3 python3-venv"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version 2>&1) is too old: Portico needs 3.11 or newer. Name another: make PYTHON=python3.12 ..."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module. Install it: apt-get install python3-venv"
    printf 'Making the virtual environment %s with %s.\n' "$venv" "$("$python" --version 2>&1)"
    rm -f "$venv"/lock-*
    "$python" -m venv --clear "$venv" || fail "could not make the virtual environment $venv (see above)"
fi

pip() {
    "$venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@" >>"$log" 2>&1 || {
        grep -i '^ *error' "$log" | tail -n 3 >&2
        fail "the packages of $lock could not be installed: is there a network, and does pip reach its index? All that pip said: $log"
    }
}

printf 'Installing the %s packages of %s into %s. The first time takes a minute.\n' \
    "$(grep -c '^[A-Za-z]' "$lock")" "$lock" "$venv"
: >"$log"
rm -f "$venv/lock-$kind"
pip install --progress-bar off --only-binary :all: --require-hashes -r "$lock"
case $kind in
peers-*) ;;
*) pip install --no-deps --no-build-isolation --editable . ;;
esac
fingerprint "$kind" >"$venv/lock-$kind"
