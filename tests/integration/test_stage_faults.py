"""A stage that fails, wherever it fails, costs its own exchange a 500 or a broken reply, and nobody else anything."""

import asyncio
import logging

import pytest

from portico.config import ConfigurationError
from portico.testing import Client, Ending, Upstream, gateway, until
from portico.testing.upstream import Script, answering, stalling, switching
from tests.integration.faulty_stages import FAULTS, UNSAYABLE, Hesitating

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CONFIGURATION = """
version: 1
gateway: {stall: "off", timeouts: {body: 300ms}}
logs: {access: "off", level: error}
stages: ["tests.integration.faulty_stages:Faulty", "tests.integration.faulty_stages:Gathering",
         "tests.integration.faulty_stages:Hesitating", "tests.integration.faulty_stages:Unsayable"]
services: {it: {url: "%s", timeout: 100ms, breaker: {consecutive: 1}, pool: {connections: 1}}}
routes:
  - {match: /good, authenticate: none, service: it}
  - {match: /patient, authenticate: none, service: it, timeout: 60s}
  - {match: /gather, authenticate: none, service: it, gathering: true, hesitating: true, timeout: 60s}
"""


def configured(upstream: Upstream) -> str:
    routes = [
        f"  - {{match: /{fault}, authenticate: none, service: it, faulty: {fault}, timeout: 60s}}\n"
        for fault in FAULTS
    ]
    return CONFIGURATION % upstream.url + "".join(routes)


BODY = b"POST /%b HTTP/1.1\r\nhost: gateway\r\ncontent-length: 3\r\n\r\nabc"
SPLIT = BODY[:-2], BODY[-2:]
UPGRADE = b"GET /%b HTTP/1.1\r\nhost: gateway\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"


@pytest.mark.parametrize("fault", [one for one in FAULTS if one != "on_end" and one not in UNSAYABLE])
@pytest.mark.parametrize("split", [False, True])
async def test_a_fault_is_answered_500(fault: str, split: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        Upstream(answering(OK)) as upstream,
        gateway(configured(upstream)) as running,
        await Client.connect(running.port) as client,
    ):
        request = BODY % fault.encode()
        await client.send_pieces([request[:-2], request[-2:]] if split else [request])
        reply = await client.final_reply(b"POST")
        assert (reply.status, reply.get(b"connection")) == (500, b"close")
        assert b"INTERNAL_ERROR" in reply.body
        await client.ended()
        async with await Client.connect(running.port) as another:
            another.send(BODY % b"good")
            assert (await another.final_reply(b"POST")).status == 200
    assert all(record.levelno == logging.ERROR for record in caplog.records)


async def test_what_no_message_may_say_is_answered_500() -> None:
    """Each in `UNSAYABLE` also runs above; here, that no byte of it reaches anybody."""
    async with Upstream(answering(OK)) as upstream, gateway(configured(upstream)) as running:
        for fault in UNSAYABLE:
            async with await Client.connect(running.port) as client:
                client.send(BODY % fault.encode())
                reply = await client.final_reply(b"POST")
                assert reply.status == 500, fault
                assert not {b"set-cookie", b"x-more"} & {name for name, _ in reply.fields}, fault
                assert await client.ended() == (b"", Ending.FIN), fault
        assert not any(request.get(b"x-more") for request in upstream.requests())


async def test_constant_fields_that_no_message_may_have_are_refused_at_load() -> None:
    text = (
        CONFIGURATION % "http://127.0.0.1:9"
        + "  - {match: /constant, authenticate: none, service: it, unsayable: true}\n"
    )
    with pytest.raises(ConfigurationError, match="CR, LF or NUL"):
        async with gateway(text):
            pass


async def test_a_fault_at_the_end_changes_nothing() -> None:
    async with (
        Upstream(answering(OK)) as upstream,
        gateway(configured(upstream)) as running,
        await Client.connect(running.port) as client,
    ):
        for _ in range(2):
            client.send(BODY % b"on_end")
            assert (await client.final_reply(b"POST")).body == b"ok"


async def test_a_fault_before_a_tunnel_opens() -> None:
    async with (
        Upstream(switching) as upstream,
        gateway(configured(upstream)) as running,
        await Client.connect(running.port) as client,
    ):
        client.send(UPGRADE % b"on_reply")
        assert (await client.final_reply()).status == 500
        link = await upstream.link()
        await until(lambda: link.ended, "the service's connection to be given up")


@pytest.mark.parametrize("script", [stalling])
async def test_a_client_that_stops_in_its_upload_opens_no_breaker(script: Script) -> None:
    """The route's patience (100 ms) is for the service; the client has its own (300 ms)."""
    async with Upstream(script, answering(OK)) as upstream, gateway(configured(upstream)) as running:
        async with await Client.connect(running.port) as client:
            client.send(SPLIT[0] % b"good")
            reply = await client.final_reply(b"POST")
            assert (reply.status, reply.get(b"connection")) == (408, b"close")
        breaker = running.gateway.services.breakers["it"]
        assert breaker.failures == 0
        async with await Client.connect(running.port) as another:
            another.send(BODY % b"good")
            assert (await another.final_reply(b"POST")).status == 200


async def test_a_service_that_does_not_say_go_on_is_to_blame() -> None:
    async with Upstream(stalling) as upstream, gateway(configured(upstream)) as running:
        async with await Client.connect(running.port) as client:
            client.send(SPLIT[0][:-5] % b"good" + b"\r\nexpect: 100-continue\r\n\r\n")
            assert (await client.final_reply(b"POST")).status == 504
        assert running.gateway.services.breakers["it"].failures == 1


async def test_a_body_that_came_while_a_stage_hesitated_is_gathered_to_its_end() -> None:
    Hesitating.word = asyncio.Event()
    size = 1 << 20
    async with (
        Upstream(stalling) as upstream,
        gateway(configured(upstream)) as running,
        await Client.connect(running.port) as client,
    ):
        client.send(b"POST /gather HTTP/1.1\r\nhost: gateway\r\ncontent-length: %d\r\n\r\n" % size)
        client.send(bytes(size))
        await until(lambda: running.gateway.memory.used > 65536, "the client to be paused")
        Hesitating.word.set()
        assert (await client.final_reply(b"POST")).body == b"%d" % size


async def test_a_gathered_body_weighs_what_it_is_and_not_its_pieces() -> None:
    Hesitating.word = asyncio.Event()
    Hesitating.word.set()
    async with (
        Upstream(stalling) as upstream,
        gateway(configured(upstream)) as running,
        await Client.connect(running.port) as client,
    ):
        client.send(b"POST /gather HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n\r\n")
        client.send(b"2\r\nab\r\n" * 20_000)
        await until(lambda: running.gateway.memory.used == 40_000, "all of it to be there")
        (x,) = running.gateway.road.active
        assert x.request.parts == []
        client.close()
        await until(lambda: not running.gateway.memory.used, "it to be given back")
