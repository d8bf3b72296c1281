"""Who reads slowly is waited for, who reads nothing is not: clients of replies and events, and both ends of tunnels."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from portico.testing import Client, Link, RunningGateway, Upstream, gateway, until
from portico.testing.upstream import Script, switching
from portico.testing.waiting import turns
from tests.integration.faults import WEBSOCKET
from tests.integration.observed import lines

BIG = 16 << 20
CONFIGURATION = """
version: 1
gateway: {stall: "off"}
logs: {access: "%s"}
services: {it: {url: "%s", breaker: "off"}}
routes:
  - {match: /patient, service: it, authenticate: none, idle: 1500ms}
  - {match: /hasty, service: it, authenticate: none, idle: 150ms}
"""


@asynccontextmanager
async def before(script: Script, folder: Path) -> AsyncIterator[tuple[RunningGateway, Upstream, Client]]:
    async with (
        Upstream(script) as upstream,
        gateway(CONFIGURATION % (folder / "access.log", upstream.url)) as running,
        await Client.connect(running.port) as client,
    ):
        yield running, upstream, client


async def blamed(folder: Path) -> tuple[str, str]:
    """Code and side of the only line in the access log, as soon as it is there."""
    log = folder / "access.log"
    await until(lambda: lines(log, context="response"), "its line in the access log")
    (line,) = lines(log, context="response")
    return line.get("failure", ""), line.get("side", "")


async def test_a_client_that_reads_steadily_but_slowly_is_served_to_the_end(tmp_path: Path) -> None:
    """For longer than `idle` the transport's buffer does not move: the kernel's behind it is so much larger."""

    async def file(link: Link) -> None:
        await link.request()
        link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
        link.send(bytes(BIG))

    async with before(file, tmp_path) as (running, _, _):
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", running.port))
            await loop.sock_sendall(sock, b"GET /patient HTTP/1.1\r\nhost: a.test\r\n\r\n")
            got = 0
            slow_until = monotonic() + 4.0
            while got < BIG:
                data = await loop.sock_recv(sock, 8 << 10 if monotonic() < slow_until else 1 << 20)
                assert data, f"cut after {got} bytes"
                got += len(data)
                if monotonic() < slow_until:
                    await asyncio.sleep(0.05)  # this is what slow means
    assert await blamed(tmp_path) == ("", "")


async def test_a_client_that_stops_reading_events_is_cut(tmp_path: Path) -> None:
    async def events(link: Link) -> None:
        await link.request()
        link.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        await flood(link)

    async with before(events, tmp_path) as (_, upstream, client):
        client.pause()
        client.send(b"GET /hasty HTTP/1.1\r\nhost: a.test\r\n\r\n")
        link = await upstream.link()
        await until(lambda: link.ended, "the stream to be given up")
        assert await blamed(tmp_path) == ("CLIENT_SLOW", "client")


async def flood(link: Link) -> None:
    """As much as is taken, and a little more."""
    while not link.ended:
        if link.backlog() < BIG:
            link.send(bytes(1 << 16))
        await turns(1)


async def deaf_tunnel(link: Link) -> None:
    """Opens a tunnel and reads nothing that comes through it."""
    await link.head()
    link.send(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    link.pause()
    await asyncio.get_running_loop().create_future()


async def flooding_tunnel(link: Link) -> None:
    """Opens a tunnel and sends without end."""
    await link.head()
    link.send(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    await flood(link)


async def test_a_tunnel_whose_service_stops_reading_is_ended(tmp_path: Path) -> None:
    async with before(deaf_tunnel, tmp_path) as (_, _, client):
        client.send(WEBSOCKET % b"/hasty")
        assert (await client.reply()).status == 101
        client.send(bytes(BIG))
        await client.ended()
        assert await blamed(tmp_path) == ("GATEWAY_TIMEOUT", "service")


@pytest.mark.parametrize("how", ["in order", "by a reset"])
async def test_a_tunnel_whose_client_has_left_does_not_wait_for_a_deaf_service(
    tmp_path: Path, how: str
) -> None:
    async with before(deaf_tunnel, tmp_path) as (running, _, client):
        client.send(WEBSOCKET % b"/hasty")
        assert (await client.reply()).status == 101
        client.send(bytes(BIG))
        (tunnel,) = running.gateway.road.tunnels.values()
        service: asyncio.Transport = tunnel._service  # type: ignore[attr-defined]
        await until(lambda: service.get_write_buffer_size(), "the service's side to be full")
        if how == "in order":
            client.close()
        else:
            client.reset()
        await until(lambda: not running.gateway.road.tunnels, "the tunnel to be ended")


async def test_a_tunnel_whose_client_stops_reading_is_ended(tmp_path: Path) -> None:
    async with before(flooding_tunnel, tmp_path) as (_, upstream, client):
        client.send(WEBSOCKET % b"/hasty")
        assert (await client.reply()).status == 101
        client.pause()
        link = await upstream.link()
        await until(lambda: link.ended, "the service's side to be ended")
        assert await blamed(tmp_path) == ("CLIENT_SLOW", "client")


async def test_a_tunnel_may_be_silent(tmp_path: Path) -> None:
    async with before(switching, tmp_path) as (running, _, client):
        client.send(WEBSOCKET % b"/hasty")
        assert (await client.reply()).status == 101
        (x,) = running.gateway.road.tunnels
        for _ in range(3):
            before_look = x.deadline
            await until(lambda since=before_look: x.deadline > since, "somebody to have looked at it")  # type: ignore[misc]
        client.send(b"still there")
        assert await client.at_least(11) == b"still there"
