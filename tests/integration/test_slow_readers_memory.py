"""A crowd that reads nothing of large replies: what a worker holds for it is bounded, and others get theirs whole."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.observed import counted, resident_bytes, serving, worker_pid
from tests.integration.raw import Peer, RawClient, RawService, answer, path_of
from tests.integration.supervised import Supervised, until

pytestmark = pytest.mark.xdist_group("streams")

MiB = 1 << 20
CROWD = 200
LARGE = 8 * MiB
SHARE = 8 * MiB  # half of `gateway.limits.memory`
KEPT = SHARE // 256_000  # readers, each of whom counts as one read
GROWTH = SHARE + CROWD * (80 << 10)  # and what a connection, its exchange and its service's connection take
CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"], data: "{folder}/var", limits: {memory: 16MiB}}
logs: {access: off}
services: {good: {url: "{good}", timeout: 60s, breaker: off}}
routes: [{match: /**, service: good, authenticate: none}]
"""


def serve(peer: Peer) -> None:
    """A good service with something large."""
    while head := peer.head():
        peer.send(answer(bytes(LARGE) if path_of(head) == "/large" else b"small"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    with RawService(serve, backlog=512) as good:
        folder: Path = tmp_path_factory.mktemp("readers")
        with serving(folder, CONFIGURATION.replace("{good}", good.url)) as running:
            yield running


def ended(clients: list[RawClient]) -> int:
    """How many of these the gateway has ended."""
    poll = select.poll()
    for client in clients:
        poll.register(client.sock, select.POLLRDHUP)
    return len(poll.poll(0))


def test_a_crowd_holds_its_share_and_no_more(gateway: Supervised) -> None:
    with RawClient(gateway.address) as warm:
        warm.request("/large")
        assert len(warm.reply()[2]) == LARGE
    worker = worker_pid(gateway)
    before = resident_bytes(worker)
    with contextlib.ExitStack() as stack:
        crowd = []
        for _ in range(CROWD):
            crowd.append(stack.enter_context(RawClient(gateway.address, receive_buffer=4096)))
            crowd[-1].request("/large")
        until(lambda: ended(crowd) >= CROWD - KEPT, "those beyond the share to be put out")
        (told,) = gateway.workers().values()
        assert told["reserved_bytes"] <= SHARE
        assert resident_bytes(worker) < before + GROWTH
        assert counted(gateway.address, "portico_memory_refusals_total") >= CROWD - KEPT
        with RawClient(gateway.address) as other:
            for _ in range(3):
                other.request("/large")
                assert len(other.reply()[2]) == LARGE
            other.request("/small")
            assert other.reply()[2] == b"small"
    until(lambda: _nothing_is_left(gateway), "nothing to be left of them")


def _nothing_is_left(gateway: Supervised) -> bool:
    (worker,) = gateway.workers().values()
    return bool(worker["connections"] == 0 and worker["reserved_bytes"] == 0)
