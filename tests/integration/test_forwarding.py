"""What the gateway adds to messages that it passes on, and what of them is no part of them."""

import re

from portico.testing import Client, Link, Upstream, gateway

CONFIGURATION = """
version: 1
logs: {access: "off", level: error}
gateway: {name: edge-1}
services: {tickets: {url: "%s", breaker: "off"}}
routes: [{match: "/**", service: tickets, authenticate: none}]
"""
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
A_DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


def saying(reply: bytes) -> Upstream:
    """A service with one reply, in two pieces, for everything."""

    async def script(link: Link) -> None:
        while True:
            await link.request()
            await link.send_pieces([reply[:30], reply[30:]])

    return Upstream(script)


async def test_date_is_added_where_the_service_has_none_and_only_there() -> None:
    for given, wanted in ((b"", rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), (A_DATE, re.escape(A_DATE))):
        line = b"Date: %b\r\n" % given if given else b""
        reply = b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % line
        async with (
            saying(reply) as service,
            gateway(CONFIGURATION % service.url) as running,
            await Client.connect(running.port) as client,
        ):
            client.send(GET)
            got = (await client.final_reply()).all(b"date")
        assert len(got) == 1
        assert re.fullmatch(wanted, got[0]), got


async def test_white_space_behind_values_is_passed_on_in_neither_direction() -> None:
    reply = b"HTTP/1.1 200 OK\r\nA: b \t\r\nEmpty: \t \r\nContent-Length: 0\r\n\r\n"
    async with saying(reply) as service, gateway(CONFIGURATION % service.url) as running:
        async with await Client.connect(running.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a.test \r\nC: d \t \r\nCookie: e=f \r\n\r\n")
            raw = (await client.final_reply()).raw
        seen = service.links[0].received
    assert b"\r\na: b\r\n" in raw
    assert b"\r\nempty: \r\n" in raw
    assert b"\r\nc: d\r\n" in seen
    assert b"\r\ncookie: e=f\r\n" in seen


async def test_via_names_the_gateway() -> None:
    async with saying(b"HTTP/1.1 204 No Content\r\n\r\n") as service:
        async with (
            gateway(CONFIGURATION % service.url) as running,
            await Client.connect(running.port) as client,
        ):
            client.send(b"GET / HTTP/1.0\r\nVia: 1.1 other\r\n\r\n")
            await client.final_reply()
        (request,) = service.requests()
    assert request.all(b"via") == [b"1.1 other", b"1.0 edge-1"]
