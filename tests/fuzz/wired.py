"""A whole gateway without sockets: bytes go into its connections and come out of them by plain calls.

Connection, road, chain, forward and channel are the real ones; only the transports and the dialling of the pool are
of this file. Nothing happens by itself: `turn` lets the service answer and closed connections end.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable, Sequence

from portico.config import load_settings_text
from portico.gateway.check import Nobody
from portico.gateway.gateway import Gateway
from portico.http.channel import Channel
from portico.http.connection import Connection
from portico.http.pool import Address, Pool
from portico.stages import load_stages, stage_types
from portico.testing import Message, read_request

CONFIGURATION = """
version: 1
logs: {access: "off", level: fatal}
gateway:
  stall: "off"
  endpoints: {live: "off", health: "off", detail: "off", ready: "off", metrics: "off"}
  limits: {header_bytes: 4KiB, header_count: 30, target: 1KiB, body: 64KiB, memory: 1MiB}
services: {tickets: {url: "http://service.test:80", breaker: "off"}}
routes: [{match: "/**", service: tickets, authenticate: none}]
"""


def pieces(way: int, data: bytes) -> list[bytes]:
    """`data` cut in one of the ways that a byte can name: one by one, in two, in even steps, by chance."""
    kind, more = way & 3, way >> 3
    if not data:
        return []
    if kind == 0 and len(data) <= 200:
        return [data[at : at + 1] for at in range(len(data))]
    if kind == 1:
        at = more * len(data) // 32
        return [piece for piece in (data[:at], data[at:]) if piece]
    if kind == 2 or kind == 0:
        step = max(1 + more, len(data) // 100)
        return [data[at : at + step] for at in range(0, len(data), step)]
    chance = random.Random(more)
    points = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(3 + more))})
    return [data[start:end] for start, end in itertools.pairwise(points)]


class End(asyncio.Transport):
    """The other side of one connection: takes everything, and remembers how it was ended."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)})
        self.received = b""
        self.ended = ""  # close, or abort
        self.finished = False  # nothing more will be written
        self.told = False  # that it is lost

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        assert not self.finished or self.ended, "bytes behind the end"
        if not self.ended:
            self.received += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.finished = True

    def close(self) -> None:
        self.ended = self.ended or "close"
        self.finished = True

    def abort(self) -> None:
        self.ended = self.ended or "abort"
        self.finished = True

    def is_closing(self) -> bool:
        return bool(self.ended)

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class ServiceEnd(End):
    """A connection to the service. `number` counts from 0 within one conversation."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.taken = 0
        self.channel: Channel = None  # type: ignore[assignment]  # set as soon as there is one

    def request(self) -> Message | None:
        """The next whole request. Raises Malformed for anything that is none."""
        message = read_request(self.received[self.taken :])
        if message is not None:
            self.taken += len(message.raw)
        return message

    def answer(self, data: bytes) -> None:
        """Bytes of the service arrive at the gateway."""
        if not self.ended:
            self.channel.data_received(data)

    def end(self, error: Exception | None) -> None:
        """The service ends the connection."""
        if self.told:
            return
        self.told = True
        if error is None and not self.ended:
            self.channel.eof_received()
        self.ended = self.ended or "service"
        self.channel.connection_lost(error)


class _Pool(Pool):
    """Has a connection for everybody, at once."""

    def __init__(self, house: House) -> None:
        super().__init__(Address("service.test", 80), size=1000, queue=0, idle_s=1e9, connect_s=1.0)
        self.house = house

    def checkout(self, now: float) -> Channel | None:
        channel = super().checkout(now)
        if channel is None:
            end = ServiceEnd(len(self.house.services))
            channel = end.channel = Channel(self)
            channel.connection_made(end)
            self._open.add(channel)
            self.house.services.append(end)
        return channel


Script = Callable[[ServiceEnd, Message], None]


def recite(end: ServiceEnd, request: Message) -> None:
    """Answers with method and target."""
    body = b"" if request.method == b"HEAD" else b"%b %b" % (request.method, request.target)
    end.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


class House:
    """One gateway, compiled once, for one conversation after another. `seen`: what the service was asked."""

    def __init__(self) -> None:
        settings = load_settings_text(CONFIGURATION, stage_types(load_stages())).settings
        gateway = Gateway(cluster=Nobody(), worker=0)
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(gateway.prepare(settings, {}))
        finally:
            loop.close()
        gateway.commit()
        assert gateway.listener is not None
        self.gateway = gateway
        self.listener = gateway.listener
        self.services: list[ServiceEnd] = []
        self.seen: list[Message] = []
        self.script: Script = recite
        self._pool = _Pool(self)
        for service in gateway.road.runtime.services.values():
            for instance in service.instances:
                instance.pool = self._pool

    def call(self) -> Caller:
        """A new client."""
        return Caller(self)

    def turn(self) -> None:
        """The service answers all that it was asked, until nothing moves."""
        moved = True
        while moved:
            moved = False
            for end in list(self.services):
                if end.ended:
                    if not end.told:
                        end.told = moved = True
                        end.channel.connection_lost(None)
                    continue
                request = end.request()
                if request is not None:
                    moved = True
                    self.seen.append(request)
                    self.script(end, request)

    def leave(self, caller: Caller) -> None:
        """The client goes away, and nothing of the conversation may be left."""
        caller.lost()
        self.turn()
        road = self.gateway.road
        assert not road.active, road.active
        assert not road.memory.used, road.memory
        assert not self.listener.connections, self.listener.connections
        for end in self.services:
            end.end(None)
        stats = self._pool.stats()
        assert not stats["open"], self._pool
        self._pool._idle.clear()  # closed channels that no checkout has passed over
        self.services = []
        self.seen = []
        self.script = recite


class Caller(End):
    """A client of the gateway."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house = house
        self.connection = Connection(house.listener, b"http")
        self.connection.connection_made(self)

    def say(self, parts: Iterable[bytes], *, patient: bool) -> None:
        """Send pieces; the service answers after each, or (`patient`) when all have arrived."""
        for part in parts:
            if self.ended:
                break
            self.connection.data_received(part)
            if not patient:
                self.house.turn()
        self.house.turn()

    def lost(self) -> None:
        """The connection is gone."""
        if not self.told:
            self.told = True
            self.connection.connection_lost(None)


_houses: list[House] = []


def house() -> House:
    """The one of this process: built on first use, since that takes long. Left unclean by a failure, built anew."""
    if _houses:
        found = _houses[0]
        road = found.gateway.road
        if not (road.active or road.memory.used or found.services or found.listener.connections):
            return found
    _houses[:] = [House()]
    return _houses[0]


def joined(parts: Sequence[bytes]) -> bytes:
    """All of it."""
    return b"".join(parts)
