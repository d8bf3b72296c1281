"""A service that takes large bodies: it reads each to its end, and says how many bytes it got and how they end.

nginx would answer before it has read the body. For a path that ends with /whole the answer has the CRC-32 of all
bytes as well, which costs more than reading them. Every GET gets the small JSON that the other service has. Bodies
need a Content-Length.

    python -m bench.sink PORT
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import zlib
from typing import cast

import uvloop

from .service import BODY

_ROOM = 1 << 20
_TAIL = 64
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Sink(asyncio.BufferedProtocol):
    """One connection; one request after the other."""

    def __init__(self) -> None:
        self._room = bytearray(_ROOM)
        self._view = memoryview(self._room)
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._left = -1  # of the body; -1 while there is no whole head
        self._bytes = self._crc = 0
        self._tail = b""
        self._whole = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        assert self._transport is not None
        data: bytes | memoryview = self._view[:nbytes]
        if self._left < 0:
            head, separator, rest = (self._head + bytes(data)).partition(b"\r\n\r\n")
            if not separator:
                self._head = head
                return
            self._begin(head + b"\r\n")
            data = rest
        if data:
            self._take(data)
        if self._left == 0:
            self._answer(self._transport)

    def _begin(self, head: bytes) -> None:
        length = _LENGTH.search(head)
        self._left = int(length[1]) if length is not None else 0
        self._whole = head.split(b" ", 2)[1].endswith(b"/whole")
        self._bytes = self._crc = 0
        self._tail = self._head = b""

    def _take(self, data: bytes | memoryview) -> None:
        self._bytes += len(data)
        self._left -= len(data)
        if self._whole:
            self._crc = zlib.crc32(data, self._crc)
        if self._left < _TAIL:
            self._tail = (self._tail + bytes(data[-_TAIL:]))[-_TAIL:]

    def _answer(self, transport: asyncio.Transport) -> None:
        body = BODY
        if self._bytes:
            body = json.dumps({"bytes": self._bytes, "crc": self._crc, "tail": self._tail.hex()}).encode()
        fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        transport.write(b"HTTP/1.1 200 OK\r\n" + fields.encode() + body)
        self._left = -1


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await loop.create_server(Sink, "127.0.0.1", port)
    await ended.wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
