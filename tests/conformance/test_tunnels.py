"""A WebSocket's way through: bytes both ways, opened only by the service's 101, ended by either side."""

import pytest

from portico.testing.upstream import echo, switching

from .conversation import GET, behind

WEBSOCKET = (
    b"GET /a HTTP/1.1\r\nHost: a.test\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_websocket_passes_bytes_both_ways_from_the_first_on() -> None:
    async with behind(switching) as (running, upstream, client):
        client.send(WEBSOCKET + b"early")
        reply = await client.reply()
        assert (reply.status, reply.get(b"upgrade"), reply.get(b"connection")) == (
            101,
            b"websocket",
            b"upgrade",
        )
        assert await client.at_least(5) == b"early"
        client.send(b"GET /smuggled HTTP/1.1\r\n\r\n")
        assert await client.at_least(31) == b"earlyGET /smuggled HTTP/1.1\r\n\r\n"
        assert upstream.accepted == 1
        assert len(running.gateway.road.tunnels) == 1
        client.end()
        await client.ended()
    assert b"\r\nupgrade: websocket\r\n" in upstream.links[0].received


async def test_bytes_behind_a_refused_websocket_are_the_next_request() -> None:
    async with behind(echo) as (_, _, client):
        client.send(WEBSOCKET + GET)
        assert (await client.reply()).status == 200
        assert (await client.reply()).status == 200


@pytest.mark.parametrize("side", ["client", "service"])
async def test_tunnel_ends_when_one_side_is_lost(side: str) -> None:
    async with behind(switching) as (running, upstream, client):
        client.send(WEBSOCKET)
        await client.reply()
        if side == "client":
            client.reset()
            await upstream.links[0].gone()
        else:
            upstream.links[0].reset()
            await client.ended()
        await running.settled()
