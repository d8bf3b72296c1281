"""One client, one gateway, one scripted service: what conversations are made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portico.testing import Client, RunningGateway, Script, Upstream, gateway

from .lanes import USUAL

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"


@asynccontextmanager
async def behind(*scripts: Script) -> AsyncIterator[tuple[RunningGateway, Upstream, Client]]:
    """A gateway before a service that plays these scripts, and a client of it."""
    async with (
        Upstream(*scripts) as upstream,
        gateway(USUAL % upstream.url) as running,
        await Client.connect(running.port) as client,
    ):
        yield running, upstream, client


def post(body: bytes, *lines: bytes, method: bytes = b"POST") -> bytes:
    """The head of a request with this body, and with these field lines."""
    head = b"".join(b"%b\r\n" % line for line in (b"Host: a.test", b"Content-Length: %d" % len(body), *lines))
    return b"%b /a HTTP/1.1\r\n%b\r\n" % (method, head)
