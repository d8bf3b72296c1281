"""What an exchange leaves behind and what it makes: no garbage for the collector, no task, no future, no timer.

Both are promises of design.md: a cycle per request would make every collection slower, and a task costs more than
the whole of parsing.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from portico.testing import Client, Upstream, gateway, until
from portico.testing.upstream import switching
from tests.integration.faulty_stages import Hesitating

REQUESTS = 10_000
BATCH = 50
CONFIGURATION = """
version: 1
gateway: {stall: "off"}
logs: {access: "off", level: error}
identity: {users: {jwt: {secret: "a secret that is long enough for HS256"}}}
stages: ["tests.integration.faulty_stages:Hesitating", "tests.integration.faulty_stages:Gathering"]
services: {it: {url: "%s"}}
routes:
  - match: /secret
    service: it
    authenticate: users
    rate_limit: [{allow: 1000000/s, per: ip}, {allow: 1000000/s, per: user}, {allow: 1000000/s, per: user+route}]
  - {match: /slow, service: it, authenticate: none, hesitating: true}
  - {match: /gather, service: it, authenticate: none, gathering: true}
  - {match: /**, service: it, authenticate: none}
"""


class Service(asyncio.Protocol):
    """Answers whatever it reads, by what stands in the target, and makes nothing of its own."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if b"/chunked" in data:
            self.transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        elif b"/bad" in data:
            self.transport.write(b"nothing\r\n\r\n")
        elif b"/close" in data:
            self.transport.write(b"HTTP/1.1 200 OK\r\n\r\nok")
            self.transport.close()
        elif b"HEAD" in data:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


class Counting(asyncio.Protocol):
    """A client that counts the heads of replies and notices the end."""

    def __init__(self) -> None:
        self.replies = 0
        self.wanted = 0
        self.done: asyncio.Future[None] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.replies += data.count(
            b"x-request-id: "
        )  # once a reply, and never split on loopback by so short a one
        if self.done is not None and self.replies >= self.wanted and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.done is not None and not self.done.done():
            self.done.set_result(None)

    async def ask(self, request: bytes, times: int) -> None:
        """Send so many requests at once and wait for their replies, or the end of the connection."""
        self.wanted = self.replies + times
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(request * times)
        await self.done


@contextmanager
def saved_garbage() -> Iterator[list[Any]]:
    """What only the collector could free of all that was made in this block."""
    gc.collect()
    gc.disable()
    found: list[Any] = []
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def of_the_gateway(found: list[Any]) -> Counter[str]:
    """By type, what of it is ours: the tests' own clients may leave what they like."""
    return Counter(
        f"{type(one).__module__}.{type(one).__qualname__}"
        for one in found
        if type(one).__module__.startswith(("portico", "httptools"))
        and not type(one).__module__.startswith("portico.testing")
    )


async def serve() -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0)


def url(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


GET = b"GET /x HTTP/1.1\r\nhost: gateway\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nhost: gateway\r\ncontent-length: 3\r\n\r\nabc"
CHUNKED = b"POST /x HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "times"),
    [
        (GET, REQUESTS),
        (POST, REQUESTS // 10),
        (CHUNKED, REQUESTS // 10),
        (GET.replace(b"/x", b"/chunked"), REQUESTS // 10),
        (GET.replace(b"GET", b"HEAD"), REQUESTS // 10),
        (GET.replace(b"/x", b"/secret"), REQUESTS // 10),
        (GET.replace(b"/x", b"/slow"), REQUESTS // 10),
        (POST.replace(b"/x", b"/gather"), REQUESTS // 10),
        (GET.replace(b"/x", b"/close"), REQUESTS // 20),
        (GET.replace(b"/x", b"/bad"), 10),
    ],
    ids=[
        "get",
        "post",
        "chunked",
        "chunked-reply",
        "head",
        "401",
        "waits",
        "gathered",
        "until-close",
        "bad-reply",
    ],
)
async def test_exchanges_leave_nothing_to_collect(request_: bytes, times: int) -> None:
    Hesitating.word = asyncio.Event()
    Hesitating.word.set()
    server = await serve()
    async with gateway(CONFIGURATION % url(server)) as running:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Counting, "127.0.0.1", running.port)
        await client.ask(request_, 1)  # what is made once
        with saved_garbage() as found:
            for _ in range(0, times, BATCH):
                await client.ask(request_, min(BATCH, times))
            await running.settled()
        assert client.replies > times
        client.transport.close()
    server.close()
    assert not of_the_gateway(found)


@pytest.mark.parametrize(
    "request_",
    [
        GET,
        GET.replace(b"host", b"connection: close\r\nhost"),
        b"nonsense\r\n\r\n",
        b"POST /x HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n\r\nxyz",
        b"POST /x HTTP/1.1\r\nhost: gateway\r\ncontent-length: 3\r\n\r\na",
        b"GET /x HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"",
    ],
    ids=["get", "close", "nonsense", "bad-chunk", "leaves", "no-upgrade", "silent"],
)
async def test_connections_leave_nothing_to_collect(request_: bytes) -> None:
    server = await serve()
    async with gateway(CONFIGURATION % url(server)) as running:
        loop = asyncio.get_running_loop()
        listener = running.gateway.listener
        assert listener is not None
        with saved_garbage() as found:
            for _ in range(200):
                _, client = await loop.create_connection(Counting, "127.0.0.1", running.port)
                if request_ and b"length" not in request_:
                    await client.ask(request_, 1)
                else:
                    client.transport.write(request_)
                client.transport.close()
            await until(lambda: not listener.connections, "all have left")
            await running.settled()
    server.close()
    assert not of_the_gateway(found)


async def test_tunnels_leave_nothing_to_collect() -> None:
    async with Upstream(switching) as upstream, gateway(CONFIGURATION % upstream.url) as running:
        with saved_garbage() as found:
            for _ in range(50):
                async with await Client.connect(running.port) as client:
                    client.send(
                        b"GET /x HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
                    )
                    assert (await client.final_reply()).status == 101
            await running.settled()
    assert not of_the_gateway(found)


async def test_reloads_leave_nothing_to_collect() -> None:
    text = CONFIGURATION % "http://127.0.0.1:1"
    other = text + "defaults: {rate_limit: [{allow: 100/min, per: ip}]}\n"
    async with gateway(text) as running:
        with saved_garbage() as found:
            for each in (other, text) * 3:
                await running.reload(each)
            assert running.gateway._remains
            await until(lambda: not running.gateway._remains, "replaced configurations are let go")
    assert not of_the_gateway(found)


MAKERS = ("create_task", "create_future", "call_later", "call_at")


async def made_by(request: bytes, times: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the loop is asked to make while so many requests are served."""
    Hesitating.word = asyncio.Event()
    Hesitating.word.set()
    loop = asyncio.get_running_loop()
    server = await serve()
    made: list[str] = []
    async with gateway(CONFIGURATION % url(server)) as running:
        _, client = await loop.create_connection(Counting, "127.0.0.1", running.port)
        await client.ask(request, 1)  # opens the connection to the service
        client.wanted = client.replies + times
        client.done = loop.create_future()
        with monkeypatch.context() as patched:
            for name in MAKERS:
                counted = _counted(name, getattr(loop, name), made, running.gateway._sweep)
                patched.setattr(loop, name, counted)
            client.transport.write(request * times)
            await client.done
        client.transport.close()
    server.close()
    return made


def _counted(name: str, make: Any, made: list[str], sweep: Any) -> Any:
    """The loop's own method, counted; the sweep's timer, of which there is one for all, is not."""

    def counted(*arguments: Any, **more: Any) -> Any:
        if sweep not in arguments:
            made.append(name)
        return make(*arguments, **more)

    return counted


@pytest.mark.parametrize(
    "request_",
    [GET, POST, CHUNKED, GET.replace(b"/x", b"/secret")],
    ids=["get", "post", "chunked", "401"],
)
async def test_a_plain_exchange_makes_no_task_no_future_and_no_timer(
    request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await made_by(request_, 20, monkeypatch) == []


async def test_a_stage_that_waits_makes_one_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same count where there is something to count."""
    request = GET.replace(b"/x", b"/slow")
    assert await made_by(request, 20, monkeypatch) == ["create_task"] * 20
