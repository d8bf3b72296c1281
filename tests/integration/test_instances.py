"""Several instances of a service: shared in turn, and passed over while they cannot be reached."""

import socket

from portico.testing import Client, Upstream, gateway
from portico.testing.upstream import answering

CONFIGURATION = """
version: 1
logs: {{access: "off", level: error}}
services: {{it: {{instances: [{instances}], breaker: {{consecutive: 1}}}}}}
routes: [{{match: /**, authenticate: none, service: it}}]
"""
ONE = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none"
TWO = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo"


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def configured(*urls: str) -> str:
    return CONFIGURATION.format(instances=", ".join(f'"{url}"' for url in urls))


async def bodies(port: int, count: int, method: bytes = b"GET") -> list[bytes]:
    async with await Client.connect(port) as client:
        answers = []
        for _ in range(count):
            client.send(method + b" / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n")
            reply = await client.final_reply(method)
            answers.append(reply.body if reply.status == 200 else b"%d" % reply.status)
        return answers


async def test_instances_take_turns() -> None:
    async with (
        Upstream(answering(ONE)) as one,
        Upstream(answering(TWO)) as two,
        gateway(configured(one.url, two.url)) as running,
    ):
        assert sorted(await bodies(running.port, 6)) == [b"one"] * 3 + [b"two"] * 3


async def test_an_instance_that_refuses_is_passed_over_whatever_the_method() -> None:
    dead = f"http://127.0.0.1:{closed_port()}"
    async with (
        Upstream(answering(ONE)) as one,
        Upstream(answering(TWO)) as two,
        gateway(configured(one.url, dead, two.url)) as running,
    ):
        assert set(await bodies(running.port, 6, b"POST")) == {b"one", b"two"}


async def test_when_no_instance_can_be_reached_the_request_is_refused_once() -> None:
    dead = [f"http://127.0.0.1:{closed_port()}" for _ in range(2)]
    async with gateway(configured(*dead)) as running:
        assert await bodies(running.port, 1) == [b"503"]
        assert running.gateway.services.breakers["it"].failures == 1
