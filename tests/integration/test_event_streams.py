"""Server-sent events live for as long as their ends do: silence is no fault of theirs."""

import asyncio

from portico.testing import Client, Upstream, gateway
from portico.testing.upstream import Link

CONFIGURATION = """
version: 1
logs: {access: "off", level: error}
services: {it: {url: "%s", idle: 100ms, breaker: "off"}}
routes: [{match: /**, authenticate: none, service: it}]
"""
GET = b"GET /%b HTTP/1.1\r\nhost: a.test\r\n\r\n"


async def test_silence_ends_a_download_and_no_event_stream() -> None:
    next_event = asyncio.Event()

    async def script(link: Link) -> None:
        kind = (
            b"text/event-stream" if (await link.request()).start.startswith(b"GET /events") else b"text/plain"
        )
        link.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n" % kind
        )
        await next_event.wait()
        link.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with (
        Upstream(script) as upstream,
        gateway(CONFIGURATION % upstream.url) as running,
        await Client.connect(running.port) as events,
        await Client.connect(running.port) as download,
    ):
        events.send(GET % b"events")
        await events.at_least(1)
        download.send(GET % b"download")
        await download.ended()  # its time began later, and is over
        next_event.set()
        reply = await events.final_reply(b"GET")
        assert reply.body == b"onetwo"
