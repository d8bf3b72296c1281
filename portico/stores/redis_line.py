"""One connection to Redis, on which any number of calls may be under way: bytes in, replies out, in order (RESP2).

Our own, because it is on the request path: redis-py takes 40 µs and more for a call. hiredis parses. Nothing is queued
while there is no connection, and a connection on which one reply is late is given up, as all behind it would be.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import hiredis
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as LostError,
)

from portico.config.values.stores import StoreAddress

Place = tuple[str, int]

_KINDS: dict[str, type[ResponseError]] = {
    "NOSCRIPT": NoScriptError,
    "READONLY": ReadOnlyError,
}
_REFUSED = ("WRONGPASS", "NOAUTH", "ERR invalid password", "ERR Client sent AUTH", "ERR AUTH")


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.lost = False
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()

    def ask(self, *arguments: bytes) -> asyncio.Future[Any]:
        """The reply to come. Ends with an error of redis-py."""
        reply = asyncio.get_running_loop().create_future()
        if self.lost or self._transport is None:
            reply.set_exception(LostError("the connection was lost"))
            return reply
        parts = [b"*%d\r\n" % len(arguments)]
        parts += [b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments]
        self._transport.write(b"".join(parts))
        self._waiting.append(reply)
        return reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        bare = transport.get_extra_info("socket")
        if bare is not None and bare.family != socket.AF_UNIX:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not False:
                future = self._waiting.popleft()
                if future.done():
                    continue
                if isinstance(reply, hiredis.ReplyError):
                    future.set_exception(_error(str(reply)))
                else:
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self.close()  # whatever this is, it is not Redis

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        for reply in self._waiting:
            if not reply.done():
                reply.set_exception(LostError("the connection was lost"))
        self._waiting.clear()

    def close(self) -> None:
        """Give it up."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()


def _error(text: str) -> ResponseError | AuthenticationError:
    if text.startswith(_REFUSED):
        return AuthenticationError(text)
    return _KINDS.get(text.partition(" ")[0], ResponseError)(text)


class Lines:
    """The one line to a server, and the next one when that is lost. `find` tells where the server is just now."""

    def __init__(
        self,
        address: StoreAddress,
        connect_s: float,
        reply_s: float,
        find: Callable[[], Awaitable[Place]] | None = None,
    ) -> None:
        self._address = address
        self._connect_s = connect_s
        self._reply_s = reply_s
        self._find = find
        self._secure = _secured(address)
        self._line: Line | None = None
        self._connecting = asyncio.Lock()

    async def execute_command(self, *arguments: bytes) -> Any:
        """One call. Raises an error of redis-py, OSError or TimeoutError."""
        line = self._line
        if line is None or line.lost:
            line = await self._connected()
        late = asyncio.get_running_loop().call_later(self._reply_s, line.close)
        try:
            return await line.ask(*arguments)
        except ReadOnlyError:
            line.close()  # it was made a replica: the next call finds the server that can be written
            raise
        finally:
            late.cancel()

    async def ping(self) -> Any:
        """See that it is there."""
        return await self.execute_command(b"PING")

    async def get(self, name: bytes) -> Any:
        """The value of a key."""
        return await self.execute_command(b"GET", name)

    async def scan_iter(self, *, match: bytes, count: int) -> AsyncIterator[bytes]:
        """All keys that match, some twice."""
        cursor = b"0"
        while True:
            cursor, keys = await self.execute_command(
                b"SCAN", cursor, b"MATCH", match, b"COUNT", b"%d" % count
            )
            for key in keys:
                yield key
            if cursor == b"0":
                return

    async def aclose(self) -> None:
        """Give up the connection."""
        if self._line is not None:
            self._line.close()
        await asyncio.sleep(0)

    async def _connected(self) -> Line:
        async with self._connecting:
            if self._line is None or self._line.lost:
                async with asyncio.timeout(self._connect_s):
                    self._line = await self._open()
            return self._line

    async def _open(self) -> Line:
        address = self._address
        loop = asyncio.get_running_loop()
        if address.socket:
            _, line = await loop.create_unix_connection(Line, address.socket)
        else:
            host, port = address.nodes[0] if self._find is None else await self._find()
            name = host if self._secure is not None else None
            _, line = await loop.create_connection(Line, host, port, ssl=self._secure, server_hostname=name)
        try:
            if address.password:
                who = [address.username.encode()] if address.username else []
                await line.ask(b"AUTH", *who, address.password.encode())
            if address.database:
                await line.ask(b"SELECT", b"%d" % address.database)
        except BaseException:
            line.close()
            raise
        return line

    def __repr__(self) -> str:
        return f"<Lines {self._address} {'up' if self._line is not None and not self._line.lost else 'down'}>"


def _secured(address: StoreAddress) -> ssl.SSLContext | None:
    """Files that cannot be read raise OSError, here and not at each connection."""
    if not address.tls:
        return None
    context = ssl.create_default_context(cafile=address.ca or None)
    if address.cert:
        context.load_cert_chain(address.cert, address.key or None)
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
