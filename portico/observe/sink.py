"""Where bytes leave the process: a file, or a stream (pipe, terminal, socket) that may be full.

A stream is never allowed to block the loop, and its flags are never changed: they belong to everybody who shares it,
the user's shell included. So a pipe or terminal is opened a second time, without blocking, and a socket is written
to with MSG_DONTWAIT. Nothing is queued here.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from typing import Protocol

# POSIX promises that so many bytes arrive in one piece in a pipe, or not at all (PIPE_BUF on Linux).
PIECE_BYTES = 4096

_STANDARD = {"stdout": 1, "stderr": 2}


class Sink(Protocol):
    """An open destination. `stream` asks for whole lines in pieces of at most PIECE_BYTES."""

    stream: bool

    def send(self, data: bytes) -> int:
        """How many bytes were taken; 0 when it is full just now. OSError when it is broken."""

    def wait(self, timeout_s: float) -> None:
        """Until it takes more, or the time is over; for the end of the process, never on the loop."""

    def close(self) -> None:
        """Give it up."""


class File:
    """A regular file. Each `send` is one write, which O_APPEND places whole behind the others'."""

    stream = False

    def __init__(self, descriptor: int, owned: bool) -> None:
        self._descriptor = descriptor
        self._owned = owned

    def send(self, data: bytes) -> int:
        """How many bytes were taken."""
        return os.write(self._descriptor, data)

    def wait(self, timeout_s: float) -> None:
        """A file is never full for a while."""

    def close(self) -> None:
        """Close what was opened here."""
        if self._owned:
            os.close(self._descriptor)


class Pipe:
    """A pipe or a terminal, opened again without blocking."""

    stream = True

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, data: bytes) -> int:
        """How many bytes were taken; 0 when it is full."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0

    def wait(self, timeout_s: float) -> None:
        """Until it takes more."""
        _writable(self._descriptor, timeout_s)

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class SharedPipe:
    """One that cannot be opened again (another user's terminal): asked each time whether it would block.

    Another writer may fill it between the question and the write, which then waits for the reader once.
    """

    stream = True

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, data: bytes) -> int:
        """How many bytes were taken; 0 when it is full."""
        return os.write(self._descriptor, data) if _writable(self._descriptor, 0) else 0

    def wait(self, timeout_s: float) -> None:
        """Until it takes more."""
        _writable(self._descriptor, timeout_s)

    def close(self) -> None:
        """Nothing of its own to close."""


class Socket:
    """A socket in place of a standard stream, as systemd gives."""

    stream = True

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))

    def send(self, data: bytes) -> int:
        """How many bytes were taken; 0 when it is full."""
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def wait(self, timeout_s: float) -> None:
        """Until it takes more."""
        _writable(self._socket.fileno(), timeout_s)

    def close(self) -> None:
        """Close this copy."""
        self._socket.close()


def open_sink(destination: str) -> Sink:
    """`stdout`, `stderr` or a path. OSError when it cannot be opened."""
    descriptor = _STANDARD.get(destination)
    if descriptor is not None:
        return standard(descriptor)
    # Without blocking, since the path may be a FIFO that nobody reads: then this raises ENXIO. Files ignore it.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    descriptor = os.open(destination, flags, 0o640)
    return File(descriptor, True) if stat.S_ISREG(os.fstat(descriptor).st_mode) else Pipe(descriptor)


def standard(descriptor: int) -> Sink:
    """A descriptor that others share, written to without blocking and without changing its flags."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return File(descriptor, False)
    if stat.S_ISSOCK(mode):
        return Socket(descriptor)
    try:
        again = os.open(
            f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        )
    except OSError:
        return SharedPipe(descriptor)
    return Pipe(again)


def is_terminal(destination: str) -> bool:
    """Whether a person is likely to read there."""
    descriptor = _STANDARD.get(destination)
    return descriptor is not None and os.isatty(descriptor)


def _writable(descriptor: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(timeout_s * 1000))
