"""A client that sends exactly the bytes it is given, split where it is told, and notices how a connection ends."""

from __future__ import annotations

import asyncio
import enum
import socket
import ssl
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import cast

from .message import Malformed, Message, read_reply
from .waiting import PATIENCE_S, TookTooLong, turns


class Ending(enum.Enum):
    """How the other side has ended a connection."""

    FIN = "in order"
    RST = "reset"


class Client(asyncio.Protocol):
    """One raw connection. `data` is what was received and not yet taken by `reply`; `ending` None while it is open.

    Use it as `async with await Client.connect(port) as client:`.
    """

    def __init__(self) -> None:
        self.data = b""
        self.ending: Ending | None = None
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._moved = asyncio.Event()
        self._lost = False
        self._left = False

    @classmethod
    async def connect(
        cls, port: int, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None, name: str = ""
    ) -> Client:
        """A new connection, without Nagle's delay; with TLS it asks for `name`, by default for the host."""
        loop = asyncio.get_running_loop()
        asked = (name or host) if tls is not None else None
        transport, client = await loop.create_connection(cls, host, port, ssl=tls, server_hostname=asked)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._moved.set()

    def eof_received(self) -> bool:
        self.ending = Ending.FIN
        self._moved.set()
        # The test decides when to close this side, but for TLS, where there is no half-close.
        return self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if exc is not None or (self.ending is None and self.tls is not None and not self._left):
            self.ending = Ending.RST  # with TLS also when nobody has said that it is the end
        self._moved.set()

    # -- what a test does

    @property
    def tls(self) -> ssl.SSLObject | None:
        """What TLS has agreed on, None without it."""
        found: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return found

    def send(self, data: bytes) -> None:
        """Hand bytes to the kernel; nothing happens when the connection is gone."""
        if not self._lost:
            self._transport.write(data)

    async def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send pieces one by one, and let the loop turn so that each is read by itself. Stops at the end."""
        for piece in pieces:
            if self.ending is not None:
                return
            self.send(piece)
            await turns()

    def end(self) -> None:
        """Half-close: nothing more will be sent."""
        self._transport.write_eof()

    def pause(self) -> None:
        """Stop reading: the kernel's buffers fill up."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def close(self) -> None:
        """Close in order."""
        self._left = True
        self._transport.close()

    def reset(self) -> None:
        """Close with RST."""
        if self._lost:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def reply(self, to: bytes = b"GET", patience_s: float = PATIENCE_S) -> Message:
        """The next reply, a 1xx too. Raises Malformed when it is none or the connection ends within it."""
        while True:
            message = read_reply(self.data, to=to, ended=self.ending is Ending.FIN)
            if message is not None:
                self.data = self.data[len(message.raw) :]
                return message
            if self.ending is not None:
                raise Malformed(f"ended {self.ending.value} within a reply: {self.data!r}")
            await self._change(patience_s)

    async def final_reply(self, to: bytes = b"GET") -> Message:
        """The next reply that is not interim."""
        while True:
            message = await self.reply(to)
            if message.status >= 200 or message.status == 101:
                return message

    async def at_least(self, count: int, patience_s: float = PATIENCE_S) -> bytes:
        """Wait for `count` bytes; all that is there, which stays for `reply`. Raises Malformed at an early end."""
        while len(self.data) < count:
            if self.ending is not None:
                raise Malformed(f"ended {self.ending.value} after {self.data!r}")
            await self._change(patience_s)
        return self.data

    async def ended(self, patience_s: float = PATIENCE_S) -> tuple[bytes, Ending]:
        """Read until the other side ends the connection: (what was not taken before, how it ended)."""
        while self.ending is None:
            if self._lost:
                raise AssertionError("this side has closed the connection itself")
            await self._change(patience_s)
        return self.data, self.ending

    async def _change(self, patience_s: float) -> None:
        self._moved.clear()
        try:
            async with asyncio.timeout(patience_s):
                await self._moved.wait()
        except TimeoutError:
            raise TookTooLong(f"nothing more within {patience_s:g} s after {self.data!r}") from None

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        ending = "open" if self.ending is None else self.ending.value
        return f"<Client {ending}, {len(self.data)} bytes not taken>"
