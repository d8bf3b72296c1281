"""What was written and the other side has not taken: how much it is, and how to throw it away.

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
