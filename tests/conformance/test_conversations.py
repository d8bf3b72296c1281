"""What a table of bytes cannot say, because it depends on who speaks when: expectations, early replies, stale
connections, clients that leave, pressure from either side.
"""

import pytest

from portico.testing import Client, Ending, Link, Script, Upstream, until
from portico.testing.upstream import (
    Gone,
    answering,
    answering_early,
    answering_then_close,
    closing,
    echo,
    endless,
    resetting,
    stalling,
    trickling,
)
from portico.testing.waiting import turns

from .conversation import GET, OK, behind, post

# -- Expect: 100-continue (RFC 9110 section 10.1.1)


async def test_expectation_goes_to_the_service_and_its_answer_to_the_client() -> None:
    async def script(link: Link) -> None:
        assert b"\r\nexpect: 100-continue\r\n" in await link.head()
        link.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await link.at_least(5) == b"hello"
        link.send(OK)

    async with behind(script) as (_, _, client):
        client.send(post(b"hello", b"Expect: 100-continue"))
        assert (await client.reply()).status == 100
        client.send(b"hello")
        assert (await client.reply()).body == b"ok"


async def test_expectation_rejected_by_the_service_ends_the_connection_without_the_body() -> None:
    async with behind(answering_early(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")) as (
        _,
        upstream,
        client,
    ):
        client.send(post(b"hello", b"Expect: 100-continue"))
        reply = await client.reply()
        assert (reply.status, reply.get(b"connection")) == (417, b"close")
        assert await client.ended() == (b"", Ending.FIN)
        await upstream.links[0].gone()
        assert upstream.links[0].received.endswith(b"\r\n\r\n")


# -- early replies


async def test_reply_that_comes_before_the_body_reaches_a_client_that_still_sends() -> None:
    async with behind(answering_early(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")) as (
        running,
        upstream,
        client,
    ):
        client.send(post(b"x" * 1000))
        client.send(b"x" * 10)
        reply = await client.reply()
        assert (reply.status, reply.body, reply.get(b"connection")) == (403, b"no", b"close")
        # The client goes on for a while, and is not reset meanwhile.
        for _ in range(20):
            client.send(b"x" * 10)
            await turns(1)
        assert await client.ended() == (b"", Ending.FIN)
        # Half a request went out on the service's connection: nothing else may.
        (pool,) = running.gateway.services.pools()
        assert pool.stats()["idle"] == 0
        await upstream.links[0].gone()
        assert upstream.accepted == 1


async def test_long_early_reply_streams_while_the_body_does() -> None:
    async def script(link: Link) -> None:
        await link.head()
        link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            link.send(b"4\r\n%b\r\n" % await link.at_least(4))
        link.send(b"0\r\n\r\n")

    async with behind(script) as (_, _, client):
        client.send(post(b"x" * 12))
        for piece in (b"aaaa", b"bbbb", b"cccc"):
            client.send(piece)
            await until(lambda piece=piece: piece in client.data, "the piece has come back")  # type: ignore[misc]
        assert (await client.reply()).body == b"aaaabbbbcccc"


# -- the service's connection


async def test_bytes_on_an_idle_connection_cost_it() -> None:
    async with behind(answering(OK)) as (running, upstream, client):
        client.send(GET)
        await client.reply()
        upstream.links[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        (pool,) = running.gateway.services.pools()
        await until(lambda: not pool.stats()["idle"], "the connection is given up at once", 1.0)
        client.send(GET)
        assert (await client.reply()).body == b"ok"
        assert upstream.accepted == 2


async def answer_once(link: Link) -> None:
    """Answers one request, and resets at the second."""
    await link.request()
    link.send(OK)
    await link.head()
    link.reset()


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"OPTIONS", b"HEAD"])
async def test_idempotent_request_goes_once_more_when_a_kept_connection_breaks(method: bytes) -> None:
    async with behind(answer_once, answering(OK)) as (_, upstream, client):
        client.send(GET)
        await client.reply()
        body = b"hi" if method == b"PUT" else b""
        client.send(post(body, method=method) + body)
        assert (await client.reply(method)).status == 200
        assert upstream.accepted == 2


async def test_request_is_resent_only_once() -> None:
    async with behind(answer_once, resetting) as (_, upstream, client):
        client.send(GET)
        await client.reply()
        client.send(GET)
        assert (await client.reply()).status == 502
        assert upstream.accepted == 2


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"LOCK"])
async def test_request_that_may_have_acted_is_not_sent_again(method: bytes) -> None:
    async with behind(answer_once, answering(OK)) as (_, upstream, client):
        client.send(GET)
        await client.reply()
        client.send(post(b"hi", method=method) + b"hi")
        assert (await client.reply()).status == 502
        assert upstream.accepted == 1


async def test_request_is_not_sent_again_on_a_new_connection_or_behind_a_byte_of_reply() -> None:
    async def stutter(link: Link) -> None:
        await link.request()
        link.send(OK)
        await link.request()
        link.send(b"H")
        await turns()
        link.reset()

    async with behind(stutter, resetting) as (_, upstream, client):
        client.send(GET)
        await client.reply()
        client.send(GET)
        assert (await client.reply()).status == 502
        assert upstream.accepted == 1
        client.send(GET)
        assert (await client.reply()).status == 502
        assert upstream.accepted == 2


async def test_keep_alive_of_the_service_is_honoured() -> None:
    async with behind(
        answering(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n")
    ) as (
        running,
        upstream,
        client,
    ):
        client.send(GET)
        await client.reply()
        # One second less than nothing: the connection is not kept at all.
        await until(lambda: upstream.links[0].ended, "the connection is given up")
        (pool,) = running.gateway.services.pools()
        assert pool.stats()["open"] == 0


@pytest.mark.parametrize("script", [closing, resetting])
async def test_service_that_hangs_up_is_a_bad_gateway(script: Script) -> None:
    async with behind(script) as (_, _, client):
        client.send(GET)
        assert (await client.reply()).status == 502


async def test_service_that_is_not_there_is_unavailable() -> None:
    async with behind(echo) as (_, upstream, client):
        await upstream.stop()
        client.send(GET)
        assert (await client.reply()).status == 503


# -- clients that leave


@pytest.mark.parametrize("how", ["reset", "close", "end"])
async def test_client_that_leaves_takes_its_call_with_it(how: str) -> None:
    async with behind(stalling) as (running, upstream, client):
        client.send(GET)
        link = await upstream.link()
        await until(lambda: link.received.endswith(b"\r\n\r\n"), "the service has the request")
        getattr(client, how)()
        await link.gone()
        await running.settled()


async def test_client_that_leaves_within_its_body_leaves_half_a_request() -> None:
    async with behind(echo) as (running, upstream, client):
        client.send(post(b"x" * 100) + b"x" * 50)
        link = await upstream.link()
        await until(lambda: link.received.endswith(b"x" * 50), "the service has half of the body")
        client.close()
        await link.gone()
        await running.settled()
        assert b"\r\ncontent-length: 100\r\n" in link.received


async def test_client_that_leaves_a_chunked_body_leaves_no_last_chunk() -> None:
    async with behind(echo) as (running, upstream, client):
        client.send(b"POST /a HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        link = await upstream.link()
        await until(lambda: link.received.endswith(b"5\r\nhello\r\n"), "the service has a chunk")
        client.close()
        await link.gone()
        await running.settled()
        assert not link.received.endswith(b"0\r\n\r\n")


# -- what is held while a reply is pending


async def test_pipelined_requests_wait_within_bounds_and_are_all_answered() -> None:
    gate: list[bool] = []

    async def script(link: Link) -> None:
        await link.request()
        await until(lambda: gate, "the test has looked")
        link.send(OK)
        await answering(OK)(link)

    async with behind(script) as (running, _, client):
        request = b"GET /a HTTP/1.1\r\nHost: a.test\r\nA: %b\r\n\r\n" % (b"x" * 1000)
        client.send(request * 400)
        memory = running.gateway.memory
        await until(lambda: memory.used > 65536, "later requests are held")
        await turns(50)
        assert memory.used < 65536 + 300_000, "one read beyond the bound, and no more"
        gate.append(True)
        for _ in range(400):
            assert (await client.reply()).body == b"ok"


async def test_body_that_came_while_another_reply_was_pending_arrives_whole_and_in_order() -> None:
    gate: list[bool] = []

    async def script(link: Link) -> None:
        await link.request()
        await until(lambda: gate, "the test has sent more")
        link.send(OK)
        await echo(link)

    async with behind(script) as (running, upstream, client):
        client.send(GET + post(b"one two six.") + b"one ")
        await until(lambda: upstream.links and upstream.links[0].received, "the first request")
        client.send(b"two ")
        await until(lambda: running.gateway.memory.used, "a piece is held")
        gate.append(True)
        assert (await client.reply()).body == b"ok"
        client.send(b"six.")
        assert b'"body": "one two six."' in (await client.reply()).body


async def test_slow_reader_holds_the_service_back() -> None:
    sent: list[int] = []

    async def script(link: Link) -> None:
        await link.request()
        link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n%b\r\n" % (b"x" * 65536)
        while not link.ended and len(sent) < 4000:
            link.send(piece)
            sent.append(1)
            await turns(1)
            await until(lambda: link.backlog() < 1 << 20 or link.ended, "the gateway reads", 30.0)

    async with behind(script) as (running, _, client):
        client.pause()
        client.send(GET)
        await until(lambda: len(sent) > 20, "the reply flows")
        count = -1
        while count != len(sent):
            count = len(sent)
            for _ in range(50):
                await turns()
        assert len(sent) < 400, "kernel buffers and one high-water mark, not the whole reply"
        client.reset()
        await running.settled()


# -- whatever the service does, byte by byte


async def test_trickled_reply_arrives_whole() -> None:
    async with behind(trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")) as (_, _, client):
        client.send(GET * 2)
        assert (await client.reply()).body == b"hello"
        assert (await client.reply()).body == b"hello"


async def test_endless_reply_ends_when_the_client_has_had_enough() -> None:
    async with behind(endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)) as (running, upstream, client):
        client.send(GET)
        await client.at_least(100_000)
        client.reset()
        await upstream.links[0].gone()
        await running.settled()


async def test_close_of_the_service_is_not_the_close_of_the_client() -> None:
    scripts = (
        answering_then_close(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
        answering(OK),
    )
    async with behind(*scripts) as (_, upstream, client):
        client.send(GET * 2)
        assert (await client.reply()).get(b"connection") is None
        assert (await client.reply()).body == b"ok"
        assert upstream.accepted == 2


async def test_asterisk_is_answered_by_the_gateway() -> None:
    async with behind(echo) as (_, upstream, client):
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n")
        reply = await client.reply()
        assert reply.status in (200, 204)
        client.send(b"OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert (await client.reply()).status == reply.status
        assert upstream.accepted == 0


async def test_gone_ends_a_script_in_silence() -> None:
    async with Upstream(echo) as upstream:
        client = await Client.connect(upstream.port)
        link = await upstream.link()
        client.close()
        await link.gone()
        with pytest.raises(Gone):
            await link.request()
