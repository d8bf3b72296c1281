"""The application log: structured lines, JSON or coloured text, secrets hidden; stack traces appear here only.

What other libraries and the rest of the gateway say through the standard library's `logging` comes out in the same
form. A line is written at once. Logging never raises and never blocks: what cannot be written is counted.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Iterable
from typing import Any

from .redaction import Redaction
from .sink import is_terminal
from .text import SEVERITY, coloured
from .writer import LogWriter

# Of an error's text, and of the end of its stack, where lines must arrive in one piece (see `sink`).
_MESSAGE_CHARACTERS = 400
_STACK_CHARACTERS = 2400

_LEVELS = ((50, "fatal"), (40, "error"), (30, "warn"), (20, "info"), (10, "debug"), (0, "trace"))
_STANDARD_LEVELS = {"fatal": 50, "error": 40, "warn": 30, "info": 20, "debug": 10, "trace": 5}


def wants_colour(form: str, destination: str) -> bool:
    """Whether lines to `destination` are coloured text: `form` is json, color, pretty (the same), or auto: on
    a terminal."""
    return form in ("color", "pretty") or (form == "auto" and is_terminal(destination))


class Log:
    """Writes lines of a level and above to one destination. May be used by any thread."""

    def __init__(
        self,
        writer: LogWriter | None = None,
        level: str = "info",
        form: str = "json",
        redact: Iterable[str] = (),
    ) -> None:
        self._writer = LogWriter("stderr") if writer is None else writer
        self._lock = threading.Lock()
        self.configure(level, form, redact)

    def configure(self, level: str, form: str, redact: Iterable[str] = ()) -> None:
        """The settings of the section `logs`; also at a reload."""
        self.level = level
        self.threshold = SEVERITY[level]
        self.colour = wants_colour(form, self._writer.destination)
        self.redaction = Redaction(redact)

    def say(
        self,
        level: str,
        msg: str,
        context: str,
        fields: dict[str, Any],
        error: BaseException | None = None,
    ) -> None:
        """One line, if `level` is logged. `fields` may hold anything; `error` adds its type, text and stack."""
        if SEVERITY[level] >= self.threshold:
            self.record(level, msg, context, fields, error)

    def record(
        self,
        level: str,
        msg: str,
        context: str,
        fields: dict[str, Any],
        error: BaseException | None = None,
    ) -> None:
        """One line whatever the level: for audit lines, which no setting hides."""
        wall_s = time.time()
        notes: dict[str, Any] = self.redaction.value(fields)
        msg = self.redaction.text(msg)
        stack = "" if error is None else self.redaction.text("".join(traceback.format_exception(error)))
        if self.colour:
            lines = [coloured(level, wall_s, f"{context}: {msg}", notes)]
            lines += [coloured(level, wall_s, f"  | {line}", {}) for line in stack.splitlines()]
        else:
            head = {"level": level, "time": int(wall_s * 1000), "context": context}
            entry = {**head, **notes, **head, "msg": msg}  # no field takes the place of these
            if error is not None:
                text = self.redaction.text(str(error))
                if self._writer.stream:
                    text, stack = text[:_MESSAGE_CHARACTERS], stack[-_STACK_CHARACTERS:]
                entry["err"] = {"type": type(error).__name__, "message": text, "stack": stack}
            lines = [json.dumps(entry, separators=(",", ":")) + "\n"]
        with self._lock:
            for line in lines:
                self._writer.write(line.encode("utf-8", "backslashreplace"))
            self._writer.flush()

    def flush(self) -> None:
        """For the worker's sweep: what a full destination left over."""
        with self._lock:
            self._writer.flush()

    def close(self) -> None:
        """For the end of the process."""
        with self._lock:
            self._writer.close()

    def __repr__(self) -> str:
        return f"<Log {self.level} to {self._writer.destination}>"


class Bridge(logging.Handler):
    """The standard library's log records as lines of a `Log`; what stands in `extra` becomes fields."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        try:
            msg = record.getMessage()
        except (TypeError, ValueError, KeyError):  # a format that does not fit its arguments
            msg = f"{record.msg} {record.args}"
        level = next(name for floor, name in _LEVELS if record.levelno >= floor)
        fields = {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}
        error = record.exc_info[1] if record.exc_info else None
        self.log.say(level, msg, _context(record.name), fields, error)


_RECORD_FIELDS = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
)


def _context(logger: str) -> str:
    return "gateway" if logger == "portico" else logger.removeprefix("portico.")


def take_over(log: Log) -> None:
    """Make `log` the only place where the standard library's `logging`, and warnings, go in this process."""
    root = logging.getLogger()
    root.handlers[:] = [Bridge(log)]
    root.setLevel(_STANDARD_LEVELS[log.level])
    logging.captureWarnings(True)


def in_charge() -> Log | None:
    """The log that has taken over this process, or None."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Bridge):
            return handler.log
    return None
