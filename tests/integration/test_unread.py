"""Clients that ask and do not read: what they are sent stays bounded, and their connections come to an end."""

import pytest

from portico.testing import Client, Link, RunningGateway, Upstream, gateway, until

MiB = 1 << 20
BIG = 8 * MiB  # more than the kernel's buffers on both sides hold of what nobody reads
ASKED = 800  # times some 15 KiB of metrics: the same
CONFIGURATION = """
version: 1
gateway:
  stall: "off"
  timeouts: {body: %s, keep_alive: %s}
logs: {access: "off", level: error}
services: {files: {url: "%s", idle: %s, breaker: "off"}}
routes: [{match: "/**", service: files, authenticate: none}]
"""


async def files(link: Link) -> None:
    """A service whose every answer is long."""
    body = bytes(BIG)
    while True:
        await link.request()
        link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
        link.send(body)


def unsent(running: RunningGateway) -> int:
    """Bytes that the gateway holds for its clients."""
    listener = running.gateway.listener
    assert listener is not None
    return sum(one._transport.get_write_buffer_size() for one in listener.connections)


def connections(running: RunningGateway) -> int:
    listener = running.gateway.listener
    assert listener is not None
    return len(listener.connections)


async def at_rest(running: RunningGateway, upstream: Upstream) -> None:
    """Wait until nothing moves any more between the service and the client."""
    last: tuple[int, ...] = ()
    calm = 0

    def still() -> bool:
        nonlocal last, calm
        before, last = last, (unsent(running), *(link.backlog() for link in upstream.links))
        calm = calm + 1 if last == before else 0
        return calm > 60

    await until(still, "everything to be still")


async def test_replies_to_pipelined_requests_wait_until_the_one_before_is_read() -> None:
    async with (
        Upstream(files) as upstream,
        gateway(CONFIGURATION % ("60s", "60s", upstream.url, "60s")) as running,
        await Client.connect(running.port) as client,
    ):
        client.pause()
        client.send(b"GET /metrics HTTP/1.1\r\nhost: gateway\r\n\r\n" * ASKED)
        await until(lambda: unsent(running) > 0, "the client's buffer to be full")
        await at_rest(running, upstream)
        assert unsent(running) < MiB
        client.resume()
        for _ in range(ASKED):
            assert (await client.final_reply()).status == 200


async def test_a_long_reply_behind_an_unread_one_is_held_back() -> None:
    async with (
        Upstream(files) as upstream,
        gateway(CONFIGURATION % ("60s", "60s", upstream.url, "60s")) as running,
        await Client.connect(running.port) as client,
    ):
        client.pause()
        client.send(b"GET /metrics HTTP/1.1\r\nhost: gateway\r\n\r\n" * ASKED)
        client.send(b"GET /file HTTP/1.1\r\nhost: gateway\r\n\r\n")
        await until(lambda: unsent(running) > 0, "the client's buffer to be full")
        await at_rest(running, upstream)
        assert unsent(running) < MiB
        client.resume()
        for _ in range(ASKED):
            assert (await client.final_reply()).status == 200
        client.pause()
        await until(lambda: unsent(running) > 0, "the client's buffer to be full")
        await at_rest(running, upstream)
        assert unsent(running) < MiB
        client.resume()
        assert len((await client.final_reply()).body) == BIG


@pytest.mark.parametrize("asked", [b"GET", b"GET-and-close", b"slow"])
async def test_a_client_that_reads_nothing_is_reset_in_the_end(asked: bytes) -> None:
    """With a reply that waits for it, before a closing end, and when its time for a service's reply is over."""
    idle = "300ms" if asked == b"slow" else "60s"
    async with (
        Upstream(files) as upstream,
        gateway(CONFIGURATION % ("200ms", "60s", upstream.url, idle)) as running,
        await Client.connect(running.port) as client,
    ):
        client.pause()
        if asked == b"slow":
            client.send(b"GET /file HTTP/1.1\r\nhost: gateway\r\n\r\n")
        else:
            more = b"connection: close\r\n" if asked == b"GET-and-close" else b""
            client.send(b"GET /metrics HTTP/1.1\r\nhost: gateway\r\n\r\n" * ASKED)
            client.send(b"GET /metrics HTTP/1.1\r\nhost: gateway\r\n%b\r\n" % more)
        await until(lambda: unsent(running) > 0, "the client's buffer to be full")
        await until(lambda: not connections(running), "the connection to be given up")
