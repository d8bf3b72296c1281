"""Services that misbehave on purpose, byte by byte, and record every byte that reaches them.

A script is an async function that is handed one `Link`, an accepted connection. The n-th connection plays the n-th
script, all further ones the last. When a script returns, the link goes on recording until the other side ends it.
The functions at the end make the scripts that most tests need.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import cast

from .message import Malformed, Message, read_request
from .waiting import PATIENCE_S, turns, until


class Link(asyncio.Protocol):
    """One connection to the service. `received` holds every byte, `number` counts from 0."""

    def __init__(self, upstream: Upstream) -> None:
        self.number = upstream.accepted
        upstream.accepted += 1
        self.received = b""
        self.ended = False  # the other side will send no more
        self.was_reset = False
        self._upstream = upstream
        self._taken = 0
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._upstream.links.append(self)
        self._task = asyncio.get_running_loop().create_task(self._play(), name=f"upstream link {self.number}")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._moved.set()

    def eof_received(self) -> bool:
        self.ended = True
        self._moved.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.was_reset = exc is not None
        self._moved.set()

    async def _play(self) -> None:
        try:
            await self._upstream.script(self.number)(self)
            await self.gone()
        except Gone:
            pass
        except Exception as error:  # noqa: BLE001  # told to the test by Upstream.close
            self._upstream.errors.append(error)
        self._transport.close()

    # -- what a script does

    async def request(self) -> Message:
        """The next whole request. Raises Gone when the other side ends the connection before there is one."""
        while True:
            message = read_request(self.received[self._taken :])
            if message is not None:
                self._taken += len(message.raw)
                return message
            await self._more()

    async def head(self) -> bytes:
        """The next head, to the empty line; the body stays to be read by `at_least`."""
        while True:
            end = self.received.find(b"\r\n\r\n", self._taken)
            if end >= 0:
                head, self._taken = self.received[self._taken : end + 4], end + 4
                return head
            await self._more()

    async def at_least(self, count: int) -> bytes:
        """Wait until `count` bytes are there that no other call has taken, and take all there are."""
        while len(self.received) - self._taken < count:
            await self._more()
        data, self._taken = self.received[self._taken :], len(self.received)
        return data

    async def gone(self) -> None:
        """Wait until the other side sends no more."""
        while not self.ended:
            await self._change()

    def send(self, data: bytes) -> None:
        """Write bytes; nothing happens when the connection is gone."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Write pieces one by one, each to be read by itself."""
        for piece in pieces:
            self.send(piece)
            await turns()

    def backlog(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def pause(self) -> None:
        """Stop reading."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def half_close(self) -> None:
        """FIN, and read on."""
        if not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Close in order, after what is written."""
        self._transport.close()

    def reset(self) -> None:
        """RST."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _more(self) -> None:
        if self.ended:
            raise Gone
        await self._change()

    async def _change(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    # -- for the test

    def requests(self) -> list[Message]:
        """Every request on this connection. Raises Malformed for anything that is none, or not whole."""
        found: list[Message] = []
        rest = self.received
        while rest:
            message = read_request(rest)
            if message is None:
                raise Malformed(f"not a whole request: {rest!r}")
            found.append(message)
            rest = rest[len(message.raw) :]
        return found

    def __repr__(self) -> str:
        return f"<Link {self.number} {'ended' if self.ended else 'open'}, {len(self.received)} bytes>"


class Gone(Exception):
    """The other side has ended the connection. Ends a script in silence; `Link.requests` still tells what was cut."""


Script = Callable[[Link], Awaitable[None]]


class Upstream:
    """A scripted service on a port of its own: `async with Upstream(script) as service: … service.port`."""

    def __init__(self, *scripts: Script) -> None:
        self.links: list[Link] = []  # in the order of their acceptance
        self.errors: list[Exception] = []
        self.port = 0
        self.accepted = 0  # connections, ever
        self._scripts = scripts or (echo,)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """For `services`."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, number: int) -> Script:
        """What the connection of this number plays."""
        return self._scripts[min(number, len(self._scripts) - 1)]

    def requests(self) -> list[Message]:
        """Every request of every connection, by connection. Raises Malformed for anything that is none."""
        return [message for link in self.links for message in link.requests()]

    async def link(self, number: int = 0, patience_s: float = PATIENCE_S) -> Link:
        """The connection of this number, once it is there."""
        await until(lambda: len(self.links) > number, f"connection {number} to the service", patience_s)
        return self.links[number]

    def forget(self) -> None:
        """Begin a new record: what is open stays open, its bytes so far are dropped."""
        self.links = [link for link in self.links if not link.ended]
        for link in self.links:
            link.received = link.received[link._taken :]
            link._taken = 0

    async def start(self, port: int = 0) -> Upstream:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Link(self), "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening and break off every connection. Raises what a script has raised."""
        if self._server is not None:
            self._server.close()
        tasks = [link._task for link in self.links if link._task is not None]
        for link, task in zip(self.links, tasks, strict=True):
            task.cancel()
            link._transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await turns()
        if self.errors:
            raise self.errors[0]

    async def __aenter__(self) -> Upstream:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


# -- scripts


async def echo(link: Link) -> None:
    """An ordinary service: answers every request with what it was, as JSON."""
    while True:
        request = await link.request()
        text = {
            "method": request.method.decode(),
            "path": request.target.decode(),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.fields],
            "body": request.body.decode("latin-1"),
            "trailers": [[name.decode(), value.decode("latin-1")] for name, value in request.trailers],
        }
        body = b"" if request.method == b"HEAD" else json.dumps(text).encode()
        link.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(body), body)
        )


def answering(*replies: bytes) -> Script:
    """Answers the n-th request of a connection with the n-th of these bytes, all further ones with the last."""

    async def script(link: Link) -> None:
        count = 0
        while True:
            await link.request()
            link.send(replies[min(count, len(replies) - 1)])
            count += 1

    return script


def answering_then_close(reply: bytes) -> Script:
    """Answers one request and ends the connection in order."""

    async def script(link: Link) -> None:
        await link.request()
        link.send(reply)
        link.close()

    return script


def answering_then_reset(reply: bytes) -> Script:
    """Answers one request and resets the connection, once the reply is on its way."""

    async def script(link: Link) -> None:
        await link.request()
        link.send(reply)
        await turns()
        link.reset()

    return script


def answering_then_half_close(reply: bytes) -> Script:
    """Answers one request, says that it will send no more, and reads on."""

    async def script(link: Link) -> None:
        await link.request()
        link.send(reply)
        link.half_close()

    return script


def answering_early(reply: bytes) -> Script:
    """Answers as soon as it has the head, without waiting for the body, and reads on."""

    async def script(link: Link) -> None:
        await link.head()
        link.send(reply)

    return script


def trickling(reply: bytes, step: int = 1) -> Script:
    """Answers every request in pieces of `step` bytes."""

    async def script(link: Link) -> None:
        while True:
            await link.request()
            await link.send_pieces(reply[at : at + step] for at in range(0, len(reply), step))

    return script


def endless(start: bytes, piece: bytes) -> Script:
    """Answers with `start`, then `piece` again and again until the other side has had enough."""

    async def script(link: Link) -> None:
        await link.request()
        link.send(start)
        while not link.ended:
            link.send(piece)
            await turns(1)

    return script


async def stalling(link: Link) -> None:
    """Reads requests and never answers."""
    while True:
        await link.request()


def stalling_after(start: bytes) -> Script:
    """Answers with `start`, and then no more."""

    async def script(link: Link) -> None:
        await link.request()
        link.send(start)

    return script


def trickling_without_end(start: bytes, piece: bytes, every_s: float = 0.02) -> Script:
    """Answers with `start`, then a `piece` every so often until the other side has had enough."""

    async def script(link: Link) -> None:
        await link.request()
        link.send(start)
        while not link.ended:
            link.send(piece)
            await asyncio.sleep(every_s)

    return script


async def deaf(link: Link) -> None:
    """Accepts and never reads, so it never notices an end either."""
    link.pause()
    await asyncio.get_running_loop().create_future()


async def closing(link: Link) -> None:
    """Accepts and closes at once."""
    link.close()


async def resetting(link: Link) -> None:
    """Accepts and resets at once."""
    link.reset()


async def switching(link: Link) -> None:
    """Agrees to become a WebSocket, then sends back what it gets, and ends when the other side does."""
    await link.head()
    link.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    try:
        while True:
            link.send(await link.at_least(1))
    except Gone:
        link.close()
