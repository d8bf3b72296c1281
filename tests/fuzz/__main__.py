"""Runs fuzzers: `python -m tests.fuzz [TARGET ...] --seconds N`, each in a process of its own, one after the other.

Needs atheris (requirements/fuzz.txt; `make fuzz` brings it). `python -m tests.fuzz.TARGET --seconds N` is the same
for one. A target that has found something goes on with another seed, for the rest of its time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .targets import HERE, TARGETS

FINDINGS = 10  # of one target; then it is enough to look at


def alone(target: str) -> None:
    """Become a run of one target, with the arguments that were given: `portico` must be imported anew for it."""
    os.chdir(HERE.parents[1])
    os.execv(sys.executable, [sys.executable, "-m", "tests.fuzz", target, *sys.argv[1:]])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: 0 when nothing was found, 1 when something was, 2 when no target has that name."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all of: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="in all, shared between the targets (60)")
    parser.add_argument("--runs", type=int, default=0, help="at most so many executions of a target")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's choices (1)")
    parser.add_argument("--bare", action="store_true", help="begin with the seeds only, without the corpus")
    parser.add_argument("--output", type=Path, default=Path("build/fuzz"), help="a folder (build/fuzz)")
    parser.add_argument("--merge", type=Path, help="instead: put the inputs of this folder into the corpus")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)  # this process is the fuzzer
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - set(TARGETS):
        print(f"fuzz: there is no target {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if options.once or options.merge is not None:
        _become(options)
    targets = options.targets or TARGETS
    findings = {target: _try(target, options, options.seconds / len(targets)) for target in targets}
    for target, count in findings.items():
        print(f"fuzz: {target}: {count or 'no'} findings")
    return 1 if any(findings.values()) else 0


def _try(target: str, options: argparse.Namespace, seconds: float) -> int:
    """How often something was found."""
    until = time.monotonic() + seconds
    found = 0
    while found < FINDINGS and (left := round(until - time.monotonic())) > 0:
        command = [sys.executable, "-m", "tests.fuzz", target, "--once", f"--seconds={left}"]
        command += [f"--runs={options.runs}", f"--seed={options.seed + found}", f"--output={options.output}"]
        command += ["--bare"] if options.bare else []
        print(f"fuzz: {' '.join(command[3:])}", flush=True)
        # What is kept depends on the order of sets, which without this would differ each time.
        done = subprocess.run(command, check=False, env=os.environ | {"PYTHONHASHSEED": "0"})
        if done.returncode == 0:
            break
        found += 1
    return found


def _become(options: argparse.Namespace) -> None:
    from .engine import Wanted, fuzz, keep_small  # atheris is there for fuzzing only

    wanted = Wanted(
        options.targets[0],
        options.runs,
        options.seconds,
        options.seed,
        options.bare,
        options.output.resolve(),
    )
    if options.merge is None:
        fuzz(wanted)
    else:
        keep_small(wanted, options.merge.resolve())


if __name__ == "__main__":
    sys.exit(main())
