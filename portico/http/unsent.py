"""What was written and the other side has not taken: how much it is, who pays for it, and how to throw it away.

The transport's own buffer does not tell: behind it the kernel holds megabytes, and says "writable" only when a third
of them is gone, which a slow but honest reader may need minutes for. What has not been acknowledged shrinks with
every window that the other side opens, so with every segment that it reads. Who takes nothing is reset: after a close
in order the kernel would keep its megabytes for minutes.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios

from portico.exchange.memory import MemoryBudget

# What the loop reads at once, and so the most that is written at once. What is left of a piece keeps all of it.
READ_BYTES = 256_000

_NO_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Bytes in the transport's buffer and, on Linux, those in the kernel's that were not acknowledged."""
    count = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is None:
        return count
    try:
        # SIOCOUTQ of sockets is TIOCOUTQ of terminals by another name: tcp(7), unix(7).
        queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):
        return count  # closed meanwhile, or a system that cannot say
    return count + int.from_bytes(queued, sys.byteorder)


def reset(transport: asyncio.Transport) -> None:
    """Close at once, and tell the other side by RST that this was not the end."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        except OSError:
            return  # closed already
    transport.abort()


class SlowReaders:
    """Clients for whom something waits here because the kernel takes no more, the longest waiting first.

    What they hold is counted in the worker's budget, and is at most half of it, so that bodies have the other half.
    When one more would exceed that, who has waited longest without taking what waits for him is reset: a client that
    reads, however slowly, goes to the end of the line every time it has emptied its buffer. One alone is always kept.
    """

    __slots__ = ("_held", "_memory", "bytes")

    def __init__(self, memory: MemoryBudget) -> None:
        self._memory = memory
        self._held: dict[asyncio.Transport, int] = {}
        self.bytes = 0

    def add(self, transport: asyncio.Transport, count: int) -> None:
        """From now on at most `count` bytes wait for the client of this transport."""
        memory = self._memory
        while self.bytes + count > memory.size // 2 or not memory.take(count):
            if not self._held:
                return  # not counted: bodies have all the rest, or the budget is smaller than one read
            longest = next(iter(self._held))
            self.remove(longest)
            memory.refusals += 1
            reset(longest)
        self._held[transport] = count
        self.bytes += count

    def remove(self, transport: asyncio.Transport) -> None:
        """Nothing waits any more, or the connection is gone."""
        count = self._held.pop(transport, 0)
        self.bytes -= count
        self._memory.give(count)

    def __repr__(self) -> str:
        return f"<SlowReaders {len(self._held)} that hold {self.bytes} bytes>"
