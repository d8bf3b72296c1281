"""How much of what was written the other side has not taken: the measure of whether a slow reader still reads.

The transport's own buffer does not tell: behind it the kernel holds megabytes, and says "writable" only when a third
of them is gone, which a slow but honest reader may need minutes for. What has not been acknowledged shrinks with
every window that the other side opens, so with every segment that it reads.
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios


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
