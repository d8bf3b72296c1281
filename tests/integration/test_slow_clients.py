"""Crowds of clients that are slow on purpose: others are served meanwhile, and in the end the crowd is put out."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.integration.observed import serving
from tests.integration.raw import Peer, RawClient, RawService, answer, length_of, path_of
from tests.integration.supervised import Supervised, until

pytestmark = pytest.mark.xdist_group("streams")

CROWD = 300
READERS = 40
LARGE = 4 << 20
CONFIGURATION = """\
version: 1
gateway:
  listen: ["127.0.0.1:0"]
  data: "{folder}/var"
  limits: {connections: 400, memory: 16MiB}
  timeouts: {header: 1s, body: 1s, keep_alive: 1s}
logs: {access: off}
services:
  good: {url: "{good}", timeout: 60s, idle: 1s, pool: {connections: 400}, breaker: off}
routes: [{match: /**, service: good, authenticate: none}]
"""
HEAD = b"GET /%b HTTP/1.1\r\nhost: gateway\r\n"
SAID = {
    "silent": b"",
    "half a head": HEAD % b"half",
    "half a body": b"POST /half HTTP/1.1\r\nhost: gateway\r\ncontent-length: 1000\r\n\r\nhalf",
    "half a chunked body": b"POST /half HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha",
    "a request, and no other": HEAD % b"one" + b"\r\n",
    "twenty requests at once": (HEAD % b"many" + b"\r\n") * 20,
}


def serve(peer: Peer) -> None:
    """A good service with something large."""
    while head := peer.head():
        peer.send(answer(bytes(LARGE) if path_of(head) == "/large" else peer.exactly(length_of(head))))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    with RawService(serve, backlog=512) as good:
        configuration = CONFIGURATION.replace("{good}", good.url)
        with serving(tmp_path_factory.mktemp("slow"), configuration) as running:
            yield running


@contextlib.contextmanager
def crowd(gateway: Supervised, count: int, said: bytes, receive_buffer: int = 0) -> Iterator[list[RawClient]]:
    """So many connections that have said this, and read nothing."""
    with contextlib.ExitStack() as open_:
        clients = []
        for _ in range(count):
            clients.append(open_.enter_context(RawClient(gateway.address, receive_buffer=receive_buffer)))
            clients[-1].send(
                said
            )  # at once: a gateway that is quicker than we are would put out who says nothing
        yield clients


def ended(clients: list[RawClient]) -> bool:
    """Whether the gateway has ended every one of these, by FIN or RST, whether or not that was read."""
    poll = select.poll()
    for client in clients:
        poll.register(client.sock, select.POLLRDHUP)
    return len(poll.poll(0)) == len(clients)


def others_are_served(gateway: Supervised) -> None:
    """Several, each on a connection of its own."""
    for _ in range(10):
        with RawClient(gateway.address) as other:
            other.request("/other")
            assert other.reply()[0] == 200


def alone(gateway: Supervised) -> bool:
    (worker,) = gateway.workers().values()
    return bool(worker["connections"] == 0 and worker["reserved_bytes"] == 0)


@pytest.mark.parametrize("said", SAID)
def test_a_crowd_that_says(gateway: Supervised, said: str) -> None:
    with crowd(gateway, CROWD, SAID[said]) as clients:
        others_are_served(gateway)
        until(lambda: ended(clients), "the crowd to be put out")
        others_are_served(gateway)
    until(lambda: alone(gateway), "nothing to be left of them")


def test_a_crowd_that_does_not_read(gateway: Supervised) -> None:
    with crowd(gateway, READERS, HEAD % b"large" + b"\r\n", receive_buffer=4096) as clients:
        others_are_served(gateway)
        until(lambda: ended(clients), "the crowd to be put out")
        others_are_served(gateway)
    until(lambda: alone(gateway), "nothing to be left of them")


def test_a_flood_of_connections_that_are_reset(gateway: Supervised) -> None:
    for _ in range(3):
        with crowd(gateway, CROWD, b"GET") as clients:
            for client in clients:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        others_are_served(gateway)
    until(lambda: alone(gateway), "nothing to be left of them")
