"""A stop in good order: what is in flight ends well, what is idle is closed, nobody new is let in, exit code 0."""

from __future__ import annotations

import queue
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.observed import serving
from tests.integration.raw import Peer, RawClient, RawService, answer, path_of
from tests.integration.supervised import PATIENCE_S, Supervised, alive, until

pytestmark = pytest.mark.xdist_group("reload")

CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"], data: "{folder}/var", workers: 2, shutdown: {delay: {delay}, grace: {grace}}}
logs: {access: off, format: json}
services: {slow: {url: "{url}", timeout: 60s}}
routes: [{match: /**, service: slow, authenticate: none}]
"""


class Slow:
    """A service that answers /slow when it is let go, and anything else at once."""

    def __init__(self) -> None:
        self.asked: queue.Queue[str] = queue.Queue()
        self.go: queue.Queue[None] = queue.Queue()
        self.service = RawService(self.serve)

    def serve(self, peer: Peer) -> None:
        while head := peer.head():
            if path_of(head) == "/slow":
                self.asked.put("slow")
                self.go.get(timeout=PATIENCE_S)
            elif path_of(head) == "/streamed":
                peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n")
                self.go.get(timeout=PATIENCE_S)
                peer.send(b"5\r\nended\r\n0\r\n\r\n")
                continue
            peer.send(answer(path_of(head).encode()))


@pytest.fixture
def slow() -> Iterator[Slow]:
    service = Slow()
    yield service
    service.service.close()


def configuration(slow: Slow, folder: Path, delay: str = "0s", grace: str = "30s") -> str:
    return (
        CONFIGURATION.replace("{url}", slow.service.url)
        .replace("{delay}", delay)
        .replace("{grace}", grace)
        .replace("{folder}", str(folder))
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_ends_well(slow: Slow, tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, configuration(slow, tmp_path)) as gateway:
        pids = gateway.pids()
        idle = [RawClient(gateway.address) for _ in range(4)]
        for client in idle:
            client.request("/idle")
            assert client.reply()[2] == b"/idle"
        silent = RawClient(gateway.address)
        busy, streamed = RawClient(gateway.address), RawClient(gateway.address)
        busy.request("/slow")
        assert slow.asked.get(timeout=PATIENCE_S) == "slow"
        streamed.request("/streamed")
        assert b"transfer-encoding: chunked" in streamed.head()
        assert streamed.exactly(10) == b"5\r\nbegun\r\n"
        gateway.signal(number)
        for client in [*idle, silent]:
            assert client.rest() == b""
            client.close()
        until(lambda: refused(gateway), "no more connections to be accepted")
        assert gateway.process is not None
        assert gateway.process.poll() is None, "it waits for what is in flight"
        slow.go.put(None)
        slow.go.put(None)
        status, fields, body = busy.reply()
        assert (status, fields["connection"], body) == (200, "close", b"/slow")
        assert busy.rest() == b""
        assert streamed.rest() == b"5\r\nended\r\n0\r\n\r\n"
        assert gateway.wait() == 0
        assert not any(map(alive, pids))
        busy.close()
        streamed.close()


def refused(gateway: Supervised) -> bool:
    try:
        RawClient(gateway.address).close()
    except ConnectionRefusedError:
        return True
    return False


def test_what_does_not_end_is_cut_off_and_told_so(slow: Slow, tmp_path: Path) -> None:
    with (
        serving(tmp_path, configuration(slow, tmp_path, grace="300ms")) as gateway,
        RawClient(gateway.address) as busy,
    ):
        busy.request("/slow")
        assert slow.asked.get(timeout=PATIENCE_S) == "slow"
        gateway.signal(signal.SIGTERM)
        status, fields, body = busy.reply()
        assert (status, fields["connection"]) == (503, "close")
        assert b"The gateway is stopping" in body
        assert busy.rest() == b""
        assert gateway.wait() == 0
        slow.go.put(None)


def test_during_the_delay_it_serves_and_says_that_it_is_leaving(slow: Slow, tmp_path: Path) -> None:
    with serving(tmp_path, configuration(slow, tmp_path, delay="1500ms")) as gateway:
        with RawClient(gateway.address) as client:
            client.request("/before")
            assert "connection" not in client.reply()[1]
            gateway.signal(signal.SIGTERM)
            until(lambda: gateway.get("/ready")["status"] == "not ready", "readiness to fail")
            client.request("/during")
            status, fields, _ = client.reply()
            assert (status, fields["connection"]) == (200, "close")
            assert client.rest() == b""
        assert gateway.wait() == 0
