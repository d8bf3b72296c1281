"""When a request is logged, and as what: a line at its end, one at its beginning if wanted, one if it was slow.

Levels: 5xx error, 4xx warn, otherwise info. The lines themselves are made in `access_lines`. Nothing here writes:
lines go to a `LogWriter`, in batches.
"""

from __future__ import annotations

from math import inf
from typing import Final

from portico.exchange.exchange import Exchange

from .access_lines import JsonLines, TextLines
from .text import SEVERITY, Level
from .writer import LogWriter

GONE: Final = 499


def level_of(status: int) -> Level:
    """The level of a request that ended with `status`."""
    return "info" if status < 400 else "warn" if status < 500 else "error"


def status_of(x: Exchange) -> int:
    """What the client was told, or 499 when it did not wait for it."""
    failure = x.failure
    if failure is not None and failure.status == GONE:
        return GONE
    if x.reply is not None:
        return x.reply.status
    return GONE if failure is None else failure.status


class _Levels(dict[int, Level | None]):
    """Status → the level of its line, None when lines of that level are not logged."""

    __slots__ = ("_threshold",)

    def __init__(self, threshold: int) -> None:
        super().__init__()
        self._threshold = threshold

    def __missing__(self, status: int) -> Level | None:
        level = level_of(status)
        shown = self[status] = level if SEVERITY[level] >= self._threshold else None
        return shown


class RouteLog:
    """The hooks of one route. `level` and above is written; `slow_s` is when a request is slow, None for never."""

    __slots__ = ("_levels", "_lines", "_slow_s", "_write")

    def __init__(
        self, lines: JsonLines | TextLines, writer: LogWriter, level: Level, slow_s: float | None
    ) -> None:
        self._lines = lines
        self._write = writer.write
        self._levels = _Levels(SEVERITY[level])
        self._slow_s = inf if slow_s is None or SEVERITY[level] > SEVERITY["warn"] else slow_s

    def begin(self, x: Exchange) -> None:
        """on_request: a line that it has begun."""
        self._write(self._lines.request(x))

    def end(self, x: Exchange) -> None:
        """on_end: a line that it has ended, and one more if it was slow."""
        seconds = x.finished - x.now
        reply = x.reply
        status = status_of(x) if reply is None or x.failure is not None else reply.status
        level = self._levels[status]
        if level is not None:
            self._write(self._lines.response(x, level, status, seconds))
        if seconds >= self._slow_s and not _lasts(x, status):
            self._write(self._lines.slow(x, status, seconds))


def _lasts(x: Exchange, status: int) -> bool:
    """Whether it was meant to last: a tunnel, or a stream of events."""
    if status == 101:
        return True
    kind = None if x.reply is None else x.reply.header(b"content-type")
    return kind is not None and kind.lower().startswith(b"text/event-stream")
