"""Runs one target under atheris: coverage decides which inputs are kept and changed further.

`portico` is imported here, instrumented, and nowhere before: so a run is a process of its own. What fails is written
to a file, and the run ends, as libFuzzer has it; `executions` is told with it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import atheris

from .targets import kept


@dataclass(frozen=True, slots=True)
class Wanted:
    """How long to try: `runs` executions (0: no bound) and `seconds` of CPU. `bare`: from the target's seeds only."""

    target: str
    runs: int
    seconds: int
    seed: int
    bare: bool
    output: Path  # folder for what fails, and for inputs that reached something new


def fuzz(wanted: Wanted) -> None:
    """Does not return: the process ends, with 0 when nothing was found. A line in `results.jsonl` tells of it."""
    with atheris.instrument_imports(include=["portico"]):
        target = importlib.import_module(f"tests.fuzz.{wanted.target}")
    executions = 0

    def told(found: bool) -> None:
        line = {
            "target": wanted.target,
            "executions": executions,
            "cpu_s": round(time.process_time(), 1),
            "seed": wanted.seed,
            "found": found,
        }
        with (wanted.output / "results.jsonl").open("a") as results:
            results.write(json.dumps(line) + "\n")

    def one(data: bytes) -> None:
        nonlocal executions
        executions += 1
        try:
            target.check(data)
        except Exception:
            told(found=True)
            print(f"FOUND by {wanted.target} after {executions} executions", flush=True)
            traceback.print_exc(limit=-3)
            print(f"INPUT {data!r}", flush=True)
            raise
        # CPU time, which says the same on a busy machine; libFuzzer only knows the wall's.
        if executions == wanted.runs or (executions % 32 == 0 and time.process_time() > wanted.seconds):
            told(found=False)
            print(f"NOTHING found by {wanted.target} in {executions} executions", flush=True)
            os._exit(0)

    wanted.output.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        atheris.Setup(_arguments(wanted, target, scratch), one, custom_mutator=_changes(target))
        atheris.Fuzz()


def _changes(target: ModuleType) -> Callable[[bytes, int, int], bytes]:
    """How inputs are changed: half of the time by libFuzzer, byte by byte; else by the lines that the format has."""
    words: tuple[bytes, ...] = target.WORDS
    parts_of = re.compile(rb"[^%b]*[%b]?" % (target.BREAKS, target.BREAKS)).findall

    def change(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        lines = parts_of(data)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            at = chance.randrange(len(lines))
            step = chance.randrange(6)
            if step == 0 and len(lines) > 1:
                del lines[at]
            elif step == 1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            elif step == 2:
                lines[at] = chance.choice(words)
            elif step == 3 and lines[at]:
                line = lines[at]
                # Anywhere, or where a value ends: before a line's last sign or the last but one.
                inside = max(0, chance.choice((chance.randrange(len(line)), len(line) - 1, len(line) - 2)))
                lines[at] = line[:inside] + chance.choice(words) + line[inside:]
            else:
                lines.insert(at, chance.choice(words))
        return b"".join(lines)[:most]

    return change


def _arguments(wanted: Wanted, target: ModuleType, scratch: Path) -> list[str]:
    words = scratch / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.WORDS), "ascii")
    seeds = scratch / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(target.SEEDS):
        (seeds / f"seed-{number}").write_bytes(seed)
    if not wanted.bare:
        for path in kept(wanted.target):
            shutil.copy(path, seeds)
    found = wanted.output / "found" / wanted.target
    found.mkdir(parents=True, exist_ok=True)
    return [
        sys.argv[0],
        str(seeds if wanted.bare else found),
        *([] if wanted.bare else [str(seeds)]),
        f"-dict={words}",
        f"-seed={wanted.seed}",
        f"-max_len={target.MAX_BYTES}",
        f"-artifact_prefix={wanted.output}/{wanted.target}-",
        "-timeout=300",
        "-rss_limit_mb=2048",
        "-reload=0",
    ]


def _escaped(word: bytes) -> str:
    return "".join(chr(code) if re.match(r"[ !#-\[\]-~]", chr(code)) else f"\\x{code:02X}" for code in word)
