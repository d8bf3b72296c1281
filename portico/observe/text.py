"""Levels, and log lines for people: one line of text, coloured, that no request can forge or repaint.

Whatever is not printable, newlines and escape sequences and writing-direction marks included, is shown as an escape.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final, Literal

Level = Literal["fatal", "error", "warn", "info", "debug", "trace"]

SEVERITY: Final[dict[str, int]] = {"trace": 10, "debug": 20, "info": 30, "warn": 40, "error": 50, "fatal": 60}

_COLOURS: Final = {
    "trace": "\x1b[90m",
    "debug": "\x1b[34m",
    "info": "\x1b[32m",
    "warn": "\x1b[33m",
    "error": "\x1b[31m",
    "fatal": "\x1b[1;31m",
}
_DIM: Final = "\x1b[2m"
_PLAIN: Final = "\x1b[0m"


def printable(text: str) -> str:
    """`text` with everything that a terminal would act on shown as an escape."""
    if text.isprintable():
        return text
    return "".join(
        [sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text]
    )


def coloured(level: str, wall_s: float, message: str, notes: Mapping[str, Any]) -> str:
    """One line, its newline included. `message` and `notes` may hold anything; what is None is left out."""
    clock = time.strftime("%H:%M:%S", time.localtime(wall_s))
    told = "".join(
        [
            f" {printable(name)}={_shown(value)}"
            for name, value in notes.items()
            if value is not None and value != ""
        ]
    )
    return (
        f"{_DIM}{clock}.{int(wall_s * 1000) % 1000:03d}{_PLAIN} {_COLOURS[level]}{level.upper():5}{_PLAIN} "
        f"{printable(message)}{_DIM}{told}{_PLAIN}\n"
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return printable(str(value))
