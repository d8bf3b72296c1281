"""Every reply of the tables: whole and in two pieces at every point, byte by byte, and the connection afterwards.

The piece that decides may come late: then what the client has already got must not look whole.
"""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from portico.testing import Client, Ending, Link, Malformed, Message, Upstream, gateway, until
from portico.testing.waiting import turns

from .case import splittings
from .lanes import CONFIGURATION
from .replies import EXCHANGES, Exchange

# What the gateway writes towards a client, whatever the service said.
_OURS = frozenset(
    {
        b"date",
        b"x-request-id",
        b"x-response-time",
        b"content-security-policy",
        b"x-content-type-options",
        b"x-frame-options",
        b"referrer-policy",
        b"transfer-encoding",
        b"connection",
    }
)

_GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"


class Stage:
    """One gateway, and a service that plays what it is told next."""

    def __init__(self) -> None:
        self.pieces: Sequence[bytes] = ()
        self.ends: Ending | None = None
        self.port = 0

    async def script(self, link: Link) -> None:
        """The first request of a connection gets the exchange's reply, a further one a good one."""
        await link.request()
        await link.send_pieces(self.pieces)
        if self.ends is Ending.FIN:
            link.close()
        elif self.ends is Ending.RST:
            await turns()
            link.reset()
        while not link.ended:
            await link.request()
            link.send(_GOOD)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage() -> AsyncIterator[tuple[Stage, Upstream]]:
    played = Stage()
    async with Upstream(played.script) as upstream, gateway(CONFIGURATION % upstream.url) as running:
        played.port = running.port
        yield played, upstream


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("exchange", [pytest.param(one, id=one.id) for one in EXCHANGES])
async def test_reply(stage: tuple[Stage, Upstream], exchange: Exchange) -> None:
    played, upstream = stage
    await play(played, upstream, exchange, [exchange.reply])
    for pieces in splittings(exchange.reply):
        await play(played, upstream, exchange, pieces)


async def play(stage: Stage, upstream: Upstream, exchange: Exchange, pieces: list[bytes]) -> None:
    stage.pieces, stage.ends = pieces, exchange.ends
    before = upstream.accepted
    async with await Client.connect(stage.port) as client:
        try:
            client.send(exchange.request)
            await judge(client, exchange)
            await turns()
            if exchange.ending is None:
                await judge_next(client, upstream, exchange, before)
        except (Malformed, AssertionError) as error:
            error.add_note(f"{exchange.id} in pieces of {[len(piece) for piece in pieces][:4]}")
            raise
    # The next exchange begins with a connection of its own.
    for link in upstream.links:
        link.close()
    await until(lambda: all(link.ended for link in upstream.links), "the gateway lets go of the service")
    upstream.forget()


async def judge(client: Client, exchange: Exchange) -> None:
    """What the client gets."""
    method = exchange.request.split(b" ")[0]
    for status in exchange.interim:
        assert (await client.reply(method)).status == status
    if not exchange.whole:
        await judge_cut(client, exchange)
        return
    reply = await client.reply(method)
    assert reply.status == exchange.status, (reply.start, reply.body)
    assert (reply.get(b"connection") == b"close") == (exchange.ending is not None), reply.fields
    if exchange.status != 502:
        assert reply.body == exchange.body
        assert told(reply) == exchange.fields
        assert reply.trailers == exchange.trailers if reply.chunks is not None else not reply.trailers
    if exchange.ending is not None:
        assert await client.ended() == (b"", exchange.ending)


async def judge_cut(client: Client, exchange: Exchange) -> None:
    """What has come is no whole reply, and the end says so; or nothing had come yet, and it is a 502."""
    try:
        reply = await client.reply()
    except Malformed:
        assert client.ending is exchange.ending, (client.data, client.ending)
    else:
        assert (reply.status, exchange.id) == (502, "cut-chunked-bad-size"), reply


async def judge_next(client: Client, upstream: Upstream, exchange: Exchange, before: int) -> None:
    """The client's connection goes on; the service's only if nothing was wrong with it."""
    if not exchange.reused:
        # What is wrong may stand behind a whole reply, and a busy system brings it later than that.
        await until(lambda: all(link.ended for link in upstream.links), "the gateway lets go of the service")
    client.send(b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
    if exchange.reused:
        assert (await client.reply()).body == b"good"
        assert upstream.accepted == before + 1
    else:
        await until(lambda: upstream.accepted == before + 2, "the gateway uses another connection")


def told(reply: Message) -> tuple[tuple[bytes, bytes], ...]:
    """The fields that come from the service; Content-Length only where it is not that of the body."""
    own = [field for field in reply.fields if field[0] not in _OURS]
    length = (b"content-length", b"%d" % len(reply.body))
    return tuple(field for field in own if field != length)
