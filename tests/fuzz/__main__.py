"""Runs fuzzers: `python -m tests.fuzz [TARGET ...] --seconds N`, each in a process of its own, one after the other.

Needs atheris (requirements/fuzz.txt; `make fuzz` brings it). `python -m tests.fuzz.TARGET --seconds N` is the same
for one. Seconds are of CPU. A target that has found something goes on with another seed, for the rest of its time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .keep import keep_small
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
    parser.add_argument(
        "--seconds", type=int, default=60, help="of CPU in all, shared between the targets (60)"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often to go through the targets (1)")
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
    if options.merge is not None:
        return _merge(options.targets, options.merge)
    if options.once:
        _become(options)
    targets = options.targets or TARGETS
    results = options.output / "results.jsonl"
    results.unlink(missing_ok=True)
    share = options.seconds / len(targets) / options.rounds
    findings = dict.fromkeys(targets, 0)
    for number in range(options.rounds):
        for target in targets:
            findings[target] += _try(target, options, share, options.seed + number * FINDINGS)
    _sum_up(results, findings)
    return 1 if any(findings.values()) else 0


def _try(target: str, options: argparse.Namespace, seconds: float, seed: int) -> int:
    """One target, again after each finding until its time is over: how many there were."""
    until = _cpu_s() + seconds
    for number in range(FINDINGS):
        left = round(until - _cpu_s())
        if left <= 0:
            return number
        command = [sys.executable, "-m", "tests.fuzz", target, "--once", f"--seconds={left}"]
        command += [f"--runs={options.runs}", f"--seed={seed + number}", f"--output={options.output}"]
        command += ["--bare"] if options.bare else []
        print(f"fuzz: {' '.join(command[3:])}", flush=True)
        # What is kept depends on the order of sets, which without this would differ each time.
        done = subprocess.run(command, check=False, env=os.environ | {"PYTHONHASHSEED": "0"})
        if done.returncode == 0:
            return number
    return FINDINGS


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sum_up(results: Path, findings: Mapping[str, int]) -> None:
    lines = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    for target, count in findings.items():
        mine = [line for line in lines if line["target"] == target]
        executions, cpu_s = sum(line["executions"] for line in mine), sum(line["cpu_s"] for line in mine)
        print(f"fuzz: {target}: {executions:,} executions, {cpu_s:,.0f} s of CPU, {count or 'no'} findings")


def _merge(targets: Sequence[str], folder: Path) -> int:
    if len(targets) != 1:
        print("fuzz: --merge is for one target", file=sys.stderr)
        return 2
    before, after = keep_small(targets[0], folder)
    print(f"fuzz: {targets[0]}: {before} inputs were kept, {after} are now")
    return 0


def _become(options: argparse.Namespace) -> None:
    from .engine import Wanted, fuzz  # atheris is there for fuzzing only

    wanted = Wanted(
        options.targets[0],
        options.runs,
        options.seconds,
        options.seed,
        options.bare,
        options.output.resolve(),
    )
    fuzz(wanted)


if __name__ == "__main__":
    sys.exit(main())
