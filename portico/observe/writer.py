"""Log lines on their way out: a bounded queue, written in batches, whose drops are counted (design decision 13).

A destination that is full keeps the queue and, beyond its bound, loses the newest lines; it never stops the loop.
Nothing here makes a timer per line: the worker's sweep calls `flush`, a large batch asks for the loop's next turn,
and only a full destination is looked at again after RETRY_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from .metrics import Number
from .shorten import shorten
from .sink import PIECE_BYTES, Sink, open_sink

BATCH_BYTES = 65536
QUEUE_BYTES = 1 << 20
RETRY_S = 0.005


class LogWriter:
    """Lines to one destination: `stdout`, `stderr` or a file's path. For one thread.

    `dropped` counts lines that were lost. Without a `loop`, a large batch is written at once and a full destination
    waits for the next `flush`.
    """

    __slots__ = (
        "_due",
        "_lines",
        "_loop",
        "_rest",
        "_sink",
        "_size",
        "_torn",
        "destination",
        "dropped",
        "queue_bytes",
        "trouble",
    )

    def __init__(
        self,
        destination: str,
        dropped: Number | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        queue_bytes: int = QUEUE_BYTES,
        sink: Sink | None = None,
    ) -> None:
        self.destination = destination
        self.dropped = Number() if dropped is None else dropped
        self.queue_bytes = queue_bytes
        self.trouble = ""  # what the system said when lines were last lost
        self._loop = loop
        self._sink = sink
        self._lines: list[bytes] = []
        self._size = 0
        self._rest = b""  # what a destination left of the last piece
        self._torn = False  # whether it took a line in part
        self._due = False

    @property
    def stream(self) -> bool:
        """Whether lines longer than PIECE_BYTES will be cut."""
        return self._sink is not None and self._sink.stream

    def open(self) -> None:
        """Open the destination now, to learn of trouble. OSError says what is wrong."""
        if self._sink is None:
            self._sink = open_sink(self.destination)

    def write(self, line: bytes) -> None:
        """Queue one line, its newline included."""
        size = self._size + len(line)
        if size > self.queue_bytes:
            self.dropped.value += 1
            return
        self._lines.append(line)
        self._size = size
        if size >= BATCH_BYTES and not self._due:
            self._ask(None)

    def flush(self) -> None:
        """Write what is queued, as far as the destination takes it. Never raises."""
        if not self._size:
            return
        try:
            self.open()
            assert self._sink is not None
            full = self._pieces(self._sink) if self._sink.stream else self._batch(self._sink)
        except OSError as error:
            self.trouble = error.strerror or str(error)
            self._drop()
            return
        self._size = len(self._rest) + sum(map(len, self._lines))
        if full and not self._due:
            self._ask(RETRY_S)

    def reopen(self) -> None:
        """Open the file anew after somebody has moved it away. OSError, and the old file stays, when that fails."""
        self.flush()
        sink = open_sink(self.destination)
        old, self._sink = self._sink, sink
        if old is not None:
            old.close()

    def close(self, patience_s: float = 1.0) -> None:
        """Write the rest, waiting for a full destination at most so long, and close. For the end of the process."""
        end = monotonic() + patience_s
        self._loop = None
        self.flush()
        while self._size and self._sink is not None and (left := end - monotonic()) > 0:
            self._sink.wait(left)
            self.flush()
        if self._size:
            self._drop()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def _ask(self, delay_s: float | None) -> None:
        """See to it that `flush` is called."""
        loop = self._loop
        if loop is None:
            if delay_s is None:
                self.flush()
        else:
            self._due = True
            if delay_s is None:
                loop.call_soon(self._asked)
            else:
                loop.call_later(delay_s, self._asked)

    def _asked(self) -> None:
        self._due = False
        self.flush()

    def _batch(self, sink: Sink) -> bool:
        self._rest = b"".join([self._rest, *self._lines])
        self._lines.clear()
        self._send(sink, self._rest)
        return bool(self._rest)

    def _pieces(self, sink: Sink) -> bool:
        """Whole lines in pieces of at most PIECE_BYTES; True when the destination is full."""
        lines = self._lines
        done = 0
        try:
            while self._rest or done < len(lines):
                if self._rest:
                    piece, behind = self._rest, done
                else:
                    piece, behind = _piece(lines, done)
                if not self._send(sink, piece):
                    return True
                done = behind
        finally:
            del lines[:done]
        return False

    def _send(self, sink: Sink, piece: bytes) -> int:
        taken = sink.send(piece)
        if taken:
            self._rest = piece[taken:]
            self._torn = piece[taken - 1] != 10
        return taken

    def _drop(self) -> None:
        """Lose what is queued, and end a line that went out in part, so that it does not swallow the next one."""
        lost = self._rest if self._rest != b"\n" else b""
        self.dropped.value += len(self._lines) + lost.count(b"\n")
        self._lines.clear()
        self._rest = b"\n" if self._torn else b""
        self._size = len(self._rest)

    def __repr__(self) -> str:
        return (
            f"<LogWriter {self.destination}, {self._size} bytes queued, {self.dropped.value} lines dropped>"
        )


class LogWriters:
    """The writers of one worker, one per destination, alive across reloads. `make` builds one."""

    def __init__(self, make: Callable[[str], LogWriter] = LogWriter) -> None:
        self._make = make
        self._writers: dict[str, LogWriter] = {}

    def to(self, destination: str) -> LogWriter:
        """The writer to `destination`. Nothing is opened yet."""
        writer = self._writers.get(destination)
        if writer is None:
            writer = self._writers[destination] = self._make(destination)
        return writer

    def open(self) -> None:
        """Open every destination. OSError, with the path, for the first that cannot be."""
        for writer in self._writers.values():
            writer.open()

    def flush(self) -> None:
        """For the worker's sweep: write what is queued."""
        for writer in self._writers.values():
            writer.flush()

    def reopen(self) -> None:
        """For SIGUSR1. OSError for the first that cannot be opened; the others are done."""
        trouble: OSError | None = None
        for writer in self._writers.values():
            try:
                writer.reopen()
            except OSError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble

    def close(self) -> None:
        """For the end of the process."""
        for writer in self._writers.values():
            writer.close()


def _piece(lines: list[bytes], start: int) -> tuple[bytes, int]:
    """Lines from `start` that fit into one piece, and where the next begins."""
    first = lines[start]
    if len(first) > PIECE_BYTES:
        return shorten(first, PIECE_BYTES), start + 1
    size = len(first)
    behind = start + 1
    while behind < len(lines) and size + len(lines[behind]) <= PIECE_BYTES:
        size += len(lines[behind])
        behind += 1
    return b"".join(lines[start:behind]), behind
