"""What a worker and the store process say to each other: a length, then a marshalled (number, content).

Both ends are the same release of Portico in the same interpreter, run by the same user, and each knows that of the
other (SO_PEERCRED), so marshal is safe here; it is the fastest that there is.
"""

from __future__ import annotations

import marshal
import socket
import struct
from collections.abc import Iterator
from typing import Any

_LENGTH = struct.Struct("!I")
_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: see unix(7)

JUDGE, REVOKE, ONCE, FIND, KEEP, SWAP, DROP, KEYS = range(8)
"""The verbs; each question is a tuple that begins with one."""


def frame(number: int, content: Any) -> bytes:
    """One frame."""
    data = marshal.dumps((number, content))
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Bytes as they come in, frames out."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, Any]]:
        """The frames that these bytes complete."""
        held = self._data
        held += data
        start = 0
        while len(held) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(held, start)
            end = start + _LENGTH.size + length
            if len(held) < end:
                break
            yield marshal.loads(memoryview(held)[start + _LENGTH.size : end])  # noqa: S302  # see above
            start = end
        del held[:start]


def peer_user(connected: socket.socket) -> int:
    """Who runs the process at the other end of a Unix socket, as the kernel knows it."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])
