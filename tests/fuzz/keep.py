"""Adds to the committed corpus the smallest inputs that lead where it did not: to a line of `portico`, from a line.

Python's own tracing tells, so no fuzzer is needed. What the first input of all does (a gateway is built, names are
seen for the first time) counts for none.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from .targets import CORPUS, kept

Step = tuple[CodeType, int, int]


def keep_small(target: str, folder: Path) -> tuple[int, int]:
    """Merge the inputs in *folder*; returns how many there were in the corpus, and how many there are."""
    check = importlib.import_module(f"tests.fuzz.{target}").check
    known = kept(target)
    reached: set[Step] = set()
    for seed in (
        importlib.import_module(f"tests.fuzz.{target}").SEEDS,
        [path.read_bytes() for path in known],
    ):
        for data in seed:
            reached |= steps(check, data)
    count = len(known)
    for data in sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda data: (len(data), data)):
        new = steps(check, data) - reached
        if new:
            reached |= new
            count += 1
            (CORPUS / target).mkdir(parents=True, exist_ok=True)
            (CORPUS / target / f"found-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
    return len(known), count


def steps(check: Callable[[bytes], None], data: bytes) -> set[Step]:
    """Which lines of `portico` follow which while *check* tries *data*. What fails is worth nothing here."""
    found: set[Step] = set()

    def called(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if "/portico/" not in code.co_filename:
            return None
        last = 0

        def line(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
            nonlocal last
            if event == "line":
                found.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    before = sys.gettrace()
    sys.settrace(called)
    try:
        check(data)
    except AssertionError:
        return set()
    finally:
        sys.settrace(before)
    return found
