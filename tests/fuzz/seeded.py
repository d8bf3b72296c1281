"""Puts defects into a copy of the source, one at a time, and demands that the fuzzer of each finds it.

`python -m tests.fuzz.seeded [NAME ...]`: the defects are those of seeded.toml. A fuzzer begins with its seeds alone,
not with the corpus, and with a fixed seed of chance, so that a figure can be had again on the same source.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.mutate import copy_tree

from .targets import HERE, TARGETS

ROOT = HERE.parents[1]
STARTS = 4  # each with another seed of chance and its share of the bound
LIMIT_S = 900  # of one defect: a guard, the bound is in executions


@dataclass(frozen=True, slots=True)
class Defect:
    """*old*, once in *file*, becomes *new*; *target* must find it within *bound* executions."""

    name: str
    target: str
    file: str
    old: str
    new: str
    why: str
    bound: int


def read() -> list[Defect]:
    """All of them."""
    tables = tomllib.loads((HERE / "seeded.toml").read_text("utf-8"))["defect"]
    return [Defect(**table) for table in tables]


def misfits(root: Path, defects: Sequence[Defect]) -> list[str]:
    """Which of them cannot be put into the source at *root*, and why."""
    found = []
    for defect in defects:
        source = (root / defect.file).read_text("utf-8")
        if (times := source.count(defect.old)) != 1:
            found.append(f"{defect.name}: the old text is {times} times in {defect.file}, not once")
        else:
            compile(source.replace(defect.old, defect.new), defect.file, "exec")
        if defect.target not in TARGETS:
            found.append(f"{defect.name}: there is no target {defect.target}")
    return found


def executions(copy: Path, defect: Defect, seed: int) -> tuple[int | None, str]:
    """How many the fuzzer needed, None when it found nothing; and what it said."""
    path = copy / defect.file
    sound = path.read_text("utf-8")
    path.write_text(sound.replace(defect.old, defect.new), "utf-8")
    command = [sys.executable, "-m", "tests.fuzz", defect.target, "--once", "--bare", f"--seed={seed}"]
    command += [f"--runs={defect.bound // STARTS}", f"--seconds={LIMIT_S}", f"--output={copy / 'build'}"]
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)},
            capture_output=True,
            check=False,
        )
    finally:
        path.write_text(sound, "utf-8")
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    found = re.search(r"^FOUND by \w+ after (\d+) executions", said, re.MULTILINE)
    if found is None:
        return None, said
    for crash in (copy / "build").glob(f"{defect.target}-crash-*"):
        data = crash.read_bytes()
        crash.unlink()
        try:
            importlib.import_module(f"tests.fuzz.{defect.target}").check(data)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is not the defect's
            return None, f"{data!r} fails on the sound source as well: {error!r}"
    return int(found[1]), said


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: 0 when every defect was found, 1 when one was not, 2 when the list does not fit."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.seeded", description=__doc__)
    parser.add_argument("names", nargs="*", help="only defects whose name has one of these in it")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzers' choices (1)")
    options = parser.parse_args(arguments)
    defects = read()
    if options.names:
        defects = [one for one in defects if any(name in one.name for name in options.names)]
    if wrong := misfits(ROOT, defects):
        print("\n".join(wrong), file=sys.stderr)
        return 2
    missed = 0
    with tempfile.TemporaryDirectory(prefix="seeded-") as scratch:
        copy = Path(scratch).resolve() / "copy"
        copy_tree(ROOT, copy)
        for defect in defects:
            count, said, spent = None, "", 0
            for number in range(
                STARTS
            ):  # a search that has gone astray is better begun anew than gone on with
                count, said = executions(copy, defect, options.seed + number)
                if count is not None:
                    count += spent
                    break
                spent += defect.bound // STARTS
            shown = "MISSED" if count is None else f"{count:,}"
            print(f"| {defect.target} | `{defect.name}` | {shown} | {defect.bound:,} |", flush=True)
            if count is None:
                missed += 1
                print("\n".join(said.splitlines()[-15:]), file=sys.stderr)
    print(f"seeded: {len(defects) - missed} found, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
