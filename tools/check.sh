#!/bin/sh
# Everything about the code that can be told without running it. Goes on after a failure, to tell all of them.
set -u
cd "$(dirname "$0")/.."
failed=""

check() {
    name=$1
    shift
    started=$(date +%s)
    if output=$("$@" 2>&1); then
        printf '  ok    %-12s %s s\n' "$name" "$(($(date +%s) - started))"
    else
        printf '  FAIL  %-12s %s s\n%s\n' "$name" "$(($(date +%s) - started))" "$output"
        failed="$failed $name"
    fi
}

check format ruff format --check --diff --quiet .
check lint ruff check --quiet .
check types mypy portico samples tests tools examples bench load
check imports lint-imports --no-logo
check dead-code vulture
check spelling codespell
check mutations python tools/mutate.py --check

[ -z "$failed" ] || {
    printf 'Failed:%s. What a tool can mend, `make fix` does.\n' "$failed" >&2
    exit 1
}
