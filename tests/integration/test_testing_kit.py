"""The kit for tests, tested: it notices what it promises to notice."""

from pathlib import Path

import pytest

from portico.testing import Client, Leak, Link, Upstream, gateway, running, until
from portico.testing.upstream import echo, stalling, switching
from tests.integration.faults import WEBSOCKET

CONFIGURATION = """
version: 1
gateway: {listen: ["127.0.0.1:${PORT:-1}"]}
services: {tickets: {url: "%s"}}
routes: [{match: "/**", service: tickets, authenticate: none}]
"""

GET = b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"


async def test_request_that_is_still_under_way_is_a_leak() -> None:
    async def silent(link: Link) -> None:
        await link.request()

    async with Upstream(silent) as upstream:
        clients: list[Client] = []

        async def leave_it() -> None:
            async with gateway(CONFIGURATION % upstream.url) as running_gateway:
                clients.append(await Client.connect(running_gateway.port))
                clients[0].send(GET)
                await upstream.link()

        with pytest.raises(Leak, match="GET /a"):
            await leave_it()
        await clients[0].ended()
        clients[0].close()


async def test_gateway_as_a_process(tmp_path: Path) -> None:
    async with Upstream(echo) as upstream:
        with running(CONFIGURATION % upstream.url, tmp_path) as process:
            async with await Client.connect(process.port) as client:
                client.send(GET)
                assert b'"path": "/a"' in (await client.reply()).body
            assert process.status()["workers"][0]["in_flight"] == 0
        assert process.process.returncode == 0
        assert "serves on" in process.log


async def test_what_a_process_holds_is_seen_from_outside(tmp_path: Path) -> None:
    async with Upstream(stalling, switching) as upstream:
        with running(CONFIGURATION % upstream.url, tmp_path) as process:
            async with (
                await Client.connect(process.port) as waiting,
                await Client.connect(process.port) as tunnel,
            ):
                waiting.send(GET)
                await upstream.link()
                tunnel.send(WEBSOCKET % b"/a")
                assert (await tunnel.reply()).status == 101
                text = "; ".join(process.held())
                assert "2 in_flight" in text
                assert "1 tunnels" in text
                assert "connections to tickets" in text
            await until(lambda: not process.held(), "everything to be given back")


def test_process_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="service"), running("version: 1\nserivce: {}\n", tmp_path):
        pass
