"""Back-pressure: who is slow slows down the other side, and the gateway's memory stays what it was.

What is in flight between the two ends is bounded by the kernel's buffers of two connections and by the gateway's
own. How far the kernel may grow its buffers it tells in /proc; `AHEAD` leaves room for that and for nothing else.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.observed import counted, logged, resident_bytes, serving, worker_pid
from tests.integration.raw import Peer, RawClient, RawService, answer, length_of, path_of
from tests.integration.supervised import PATIENCE_S, Supervised, until

pytestmark = pytest.mark.xdist_group("streams")

MiB = 1 << 20
DOWNLOAD = 1 << 30
UPLOAD = 256 * MiB
GROWTH = 12 * MiB  # of the worker's memory, in any of these tests
AHEAD = GROWTH + sum(
    2 * int(Path(f"/proc/sys/net/ipv4/tcp_{side}").read_text().split()[2]) for side in ("rmem", "wmem")
)

CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"], data: "{folder}/var"}
logs: {access: "{folder}/access.log", format: json}
services: {raw: {url: "{url}", idle: 60s, timeout: 60s, breaker: off}}
routes:
  - {match: /impatient, service: raw, idle: 300ms, authenticate: none}
  - {match: /**, service: raw, limits: {body: 300MiB}, authenticate: none}
"""


class Bulk:
    """A service that gives and takes much. It tells when it is held back, and takes when it is told to."""

    def __init__(self) -> None:
        self.held: queue.Queue[int] = queue.Queue()
        self.sent: queue.Queue[int] = queue.Queue()
        self.taken: queue.Queue[int] = queue.Queue()
        self.go: queue.Queue[None] = queue.Queue()
        self.service = RawService(self.serve)

    def serve(self, peer: Peer) -> None:
        while head := peer.head():
            match path_of(head):
                case "/upload" | "/upload-in-chunks":
                    self.take(peer, length_of(head))
                case "/in-chunks":
                    peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                    # One chunk: its size is in its head, and the rest is as with a known length.
                    peer.send(b"%x\r\n" % DOWNLOAD)
                    self.sent.put(peer.push(DOWNLOAD, self.held.put))
                    peer.send(b"\r\n0\r\n\r\n")
                case _:
                    peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % DOWNLOAD)
                    self.sent.put(peer.push(DOWNLOAD, self.held.put))

    def take(self, peer: Peer, length: int) -> None:
        self.go.get(timeout=PATIENCE_S)
        if length:
            self.taken.put(peer.skip(length))
        else:
            taken = 0
            while size := int(peer.line(), 16):
                taken += peer.skip(size)
                assert peer.line() == b"\r\n"
            assert peer.line() == b"\r\n"
            self.taken.put(taken)
        peer.send(answer(b"taken"))


@pytest.fixture(scope="module")
def bulk() -> Iterator[Bulk]:
    bulk = Bulk()
    yield bulk
    bulk.service.close()


@pytest.fixture(scope="module")
def gateway(bulk: Bulk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    configuration = CONFIGURATION.replace("{url}", bulk.service.url)
    with serving(tmp_path_factory.mktemp("pressure"), configuration) as running:
        yield running


@pytest.fixture
def client(gateway: Supervised) -> Iterator[RawClient]:
    with RawClient(gateway.address, receive_buffer=64 << 10) as connected:
        yield connected


def drain(client: RawClient, size: int, worker: int) -> int:
    """Read so many bytes; the most that the worker's memory came to meanwhile."""
    most = 0
    step = 64 * MiB
    for start in range(0, size, step):
        count = min(step, size - start)
        assert client.skip(count) == count
        most = max(most, resident_bytes(worker))
    return most


def test_a_reader_who_pauses_in_a_1_gib_download(gateway: Supervised, bulk: Bulk, client: RawClient) -> None:
    worker = worker_pid(gateway)
    before = resident_bytes(worker)
    client.request("/download")
    assert b"\r\ncontent-length: %d\r\n" % DOWNLOAD in client.head()
    assert client.skip(MiB) == MiB
    assert bulk.held.get(timeout=PATIENCE_S) < MiB + AHEAD
    assert resident_bytes(worker) < before + GROWTH
    assert client.skip(8 * MiB) == 8 * MiB  # it goes on, and comes to rest again
    until(lambda: bulk.held.get(timeout=PATIENCE_S) > 8 * MiB, "the service to be held back again")
    most = drain(client, DOWNLOAD - 9 * MiB, worker)
    assert most < before + GROWTH
    assert bulk.sent.get(timeout=PATIENCE_S) == DOWNLOAD
    client.request("/upload", "POST", "content-length: 3")  # the connection is still in step
    client.send(b"end")
    bulk.go.put(None)
    assert client.reply()[2] == b"taken"
    assert bulk.taken.get(timeout=PATIENCE_S) == 3


def test_a_reader_who_pauses_in_a_chunked_download_and_leaves(
    gateway: Supervised, bulk: Bulk, client: RawClient
) -> None:
    worker = worker_pid(gateway)
    before = resident_bytes(worker)
    client.request("/in-chunks")
    assert b"\r\ntransfer-encoding: chunked\r\n" in client.head()
    held = until(lambda: bulk.held.get(timeout=PATIENCE_S), "the service to be held back")
    assert held < AHEAD
    assert resident_bytes(worker) < before + GROWTH
    client.close()
    assert bulk.sent.get(timeout=PATIENCE_S) < AHEAD, "the service's connection was ended with the client's"


def test_a_service_that_pauses_in_a_256_mib_upload(
    gateway: Supervised, bulk: Bulk, client: RawClient
) -> None:
    worker = worker_pid(gateway)
    before = resident_bytes(worker)
    client.request("/upload", "POST", f"content-length: {UPLOAD}")
    held: list[int] = []

    def on_held(sent: int) -> None:
        if not held:
            bulk.go.put(None)
        held.append(sent)
        assert resident_bytes(worker) < before + GROWTH

    assert client.push(UPLOAD, on_held) == UPLOAD
    assert 0 < held[0] < AHEAD
    assert bulk.taken.get(timeout=PATIENCE_S) == UPLOAD
    assert client.reply()[2] == b"taken"
    assert resident_bytes(worker) < before + GROWTH


def test_a_service_that_pauses_in_a_chunked_upload(
    gateway: Supervised, bulk: Bulk, client: RawClient
) -> None:
    worker = worker_pid(gateway)
    before = resident_bytes(worker)
    client.request("/upload-in-chunks", "POST", "transfer-encoding: chunked")
    client.send(b"%x\r\n" % UPLOAD)
    held: list[int] = []

    def on_held(sent: int) -> None:
        if not held:
            bulk.go.put(None)
        held.append(sent)

    assert client.push(UPLOAD, on_held) == UPLOAD
    client.send(b"\r\n0\r\n\r\n")
    assert 0 < held[0] < AHEAD
    assert bulk.taken.get(timeout=PATIENCE_S) == UPLOAD
    assert client.reply()[2] == b"taken"
    assert resident_bytes(worker) < before + GROWTH


def test_a_reader_who_stops_is_cut_off(gateway: Supervised, bulk: Bulk, client: RawClient) -> None:
    client.request("/impatient")
    assert client.head()
    line = logged(gateway.folder / "access.log", url="/impatient")
    assert (line["statusCode"], line["failure"], line["side"]) == (499, "CLIENT_SLOW", "client")
    assert bulk.sent.get(timeout=PATIENCE_S) < AHEAD
    assert counted(gateway.address, "http_requests_total", route="/impatient", status_code="499") == 1
    assert len(client.rest()) < AHEAD
