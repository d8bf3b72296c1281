"""A breaker counts what its service did, and nothing that a client or the gateway did. One worker, exact counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.observed import counted, serving
from tests.integration.raw import Peer, RawClient, RawService
from tests.integration.supervised import Supervised, until

CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"], data: "{folder}/var"}
logs: {access: off}
services:
  narrow:
    url: "{mute}"
    timeout: 20s
    pool: {connections: 1, queue: 1}
    breaker: {consecutive: 2, errors: off}
  failing: {url: "{failing}", breaker: {consecutive: 2, errors: off}}
routes:
  - {match: /failing, service: failing, authenticate: none}
  - {match: /narrow, service: narrow, authenticate: none}
"""


def mute(peer: Peer) -> None:
    """Reads and never answers."""
    while peer.head():
        pass


def failing(peer: Peer) -> None:
    """Answers 500, and 404 where it is asked for that."""
    while head := peer.head():
        status = b"404 Not Found" if b"?404 " in head else b"500 Internal Server Error"
        peer.send(b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % status)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    with RawService(mute) as silent, RawService(failing) as broken:
        written = CONFIGURATION.replace("{mute}", silent.url).replace("{failing}", broken.url)
        with serving(tmp_path_factory.mktemp("fairness"), written) as started:
            yield started


def events(gateway: Supervised, service: str, event: str) -> float:
    return counted(gateway.address, "circuit_breaker_events_total", service=service, event=event)


def test_a_full_pool_and_clients_that_leave_are_not_the_services_fault(gateway: Supervised) -> None:
    inside, in_line = RawClient(gateway.address), RawClient(gateway.address)
    inside.request("/narrow")
    in_line.request("/narrow")
    until(
        lambda: counted(gateway.address, "portico_pool_waiting_requests", service="narrow") == 1,
        "a request to wait for a connection",
    )
    for _ in range(5):
        with RawClient(gateway.address) as another:
            another.request("/narrow")
            status, _, body = another.reply()
        assert status == 503
        assert b"Service is at capacity" in body, "refused by the full pool, not by the breaker"
    in_line.close()
    inside.close()
    until(
        lambda: counted(gateway.address, "http_requests_in_progress") <= 1,  # the one that asks
        "those that left to be gone",
    )
    assert events(gateway, "narrow", "failure") == 0
    assert events(gateway, "narrow", "open") == 0


def test_replies_of_500_open_it_and_replies_of_404_do_not(gateway: Supervised) -> None:
    with RawClient(gateway.address) as client:
        statuses = []
        for path in ("/failing", "/failing?404", "/failing", "/failing", "/failing"):
            client.request(path)
            statuses.append(client.reply()[0])
    assert statuses == [500, 404, 500, 500, 503]
    assert events(gateway, "failing", "open") == 1
