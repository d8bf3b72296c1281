"""One exchange that goes wrong in the middle: who went away, who broke off, and that the other side learns of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.observed import counted, logged, serving
from tests.integration.raw import Peer, RawClient, RawService, answer, echo, length_of, path_of
from tests.integration.supervised import PATIENCE_S, Supervised, until

pytestmark = pytest.mark.xdist_group("streams")

CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"], data: "{folder}/var"}
logs: {access: "{folder}/access.log", format: json}
services: {raw: {url: "{url}", breaker: off}}
routes: [{match: /**, service: raw, authenticate: none}]
"""


class Scripted:
    """A service whose replies a test writes: path → what is done with the connection after the request's head."""

    def __init__(self) -> None:
        self.heads: queue.Queue[bytes] = queue.Queue()
        self.ends: queue.Queue[str] = queue.Queue()
        self.events: queue.Queue[bytes] = queue.Queue()
        self.service = RawService(self.serve)

    def serve(self, peer: Peer) -> None:
        while head := peer.head():
            path = path_of(head)
            if path.startswith("/echo"):
                peer.send(answer(peer.exactly(length_of(head))))
                continue
            if path == "/silence":
                self.heads.put(head)
            script = getattr(self, path[1:].replace("-", "_"))
            script(peer)
            return

    def silence(self, peer: Peer) -> None:
        peer.ended()
        self.ends.put("silence")

    def begun(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbegun")
        peer.ended()
        self.ends.put("begun")

    def no_head(self, peer: Peer) -> None:
        """Nothing at all."""

    def half_a_head(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-le")

    def fixed(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")

    def chunked(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n")

    def half_a_chunk(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\nonly this")

    def no_last_chunk(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\n")

    def until_close(self, peer: Peer) -> None:
        """What is read before a reset: on Linux a reset throws away what was not read yet, so wait for a word."""
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nonly this")
        assert self.events.get(timeout=PATIENCE_S) == b"seen"
        peer.reset()

    def closes_well(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    def events_one_by_one(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        while event := self.events.get(timeout=PATIENCE_S):
            peer.send(b"%x\r\n%b\r\n" % (len(event), event))
        peer.send(b"0\r\n\r\n")

    def one_event(self, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        peer.send(b"9\r\ndata: 1\n\n\r\n")
        peer.ended()
        self.ends.put("events")


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    script = Scripted()
    yield script
    script.service.close()


@pytest.fixture(scope="module")
def gateway(scripted: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    configuration = CONFIGURATION.replace("{url}", scripted.service.url)
    with serving(tmp_path_factory.mktemp("streams"), configuration) as running:
        yield running


@pytest.fixture
def access(gateway: Supervised) -> Path:
    return gateway.folder / "access.log"


@pytest.fixture
def client(gateway: Supervised) -> Iterator[RawClient]:
    with RawClient(gateway.address) as connected:
        yield connected


def well(gateway: Supervised) -> bool:
    """Whether others are served as ever."""
    with RawClient(gateway.address) as other:
        other.request("/echo", "POST", "content-length: 5")
        other.send(b"hello")
        status, _, body = other.reply()
    return (status, body) == (200, b"hello")


# The client goes away.


@pytest.mark.parametrize("how", ["in order", "by a reset"])
def test_a_client_that_leaves_takes_its_call_with_it(
    gateway: Supervised, scripted: Scripted, access: Path, how: str
) -> None:
    before = counted(gateway.address, "http_requests_total", status_code="499")
    client = RawClient(gateway.address)
    client.request(f"/silence?{how.replace(' ', '-')}")
    scripted.heads.get(timeout=PATIENCE_S)
    if how == "in order":
        client.close()
    else:
        client.reset()
    assert scripted.ends.get(timeout=PATIENCE_S) == "silence"
    line = logged(access, url=f"/silence?{how.replace(' ', '-')}")
    assert (line["statusCode"], line["failure"], line["side"]) == (499, "CLIENT_GONE", "client")
    until(
        lambda: counted(gateway.address, "http_requests_total", status_code="499") == before + 1,
        "the abort to be counted",
    )
    assert well(gateway)


def test_a_client_that_leaves_while_it_sends(gateway: Supervised, scripted: Scripted, access: Path) -> None:
    client = RawClient(gateway.address)
    client.request("/silence?sending", "POST", "content-length: 1000")
    client.send(b"not all")
    head = scripted.heads.get(timeout=PATIENCE_S)
    assert b"content-length: 1000\r\n" in head
    client.close()
    assert scripted.ends.get(timeout=PATIENCE_S) == "silence"
    assert logged(access, url="/silence?sending")["statusCode"] == 499


def test_a_client_that_leaves_while_it_is_answered(
    gateway: Supervised, scripted: Scripted, access: Path, client: RawClient
) -> None:
    client.request("/begun")
    assert client.head().startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.exactly(5) == b"begun"
    client.close()
    assert scripted.ends.get(timeout=PATIENCE_S) == "begun"
    line = logged(access, url="/begun")
    assert (line["statusCode"], line["failure"]) == (499, "CLIENT_GONE")


def test_a_client_that_leaves_requests_behind(gateway: Supervised, scripted: Scripted) -> None:
    client = RawClient(gateway.address)
    client.request("/silence")
    scripted.heads.get(timeout=PATIENCE_S)
    for _ in range(20):
        client.request("/echo")
    client.close()
    assert scripted.ends.get(timeout=PATIENCE_S) == "silence"
    assert well(gateway)


# The service goes away.


@pytest.mark.parametrize("path", ["/no-head", "/half-a-head"])
def test_a_service_that_breaks_off_before_its_reply(client: RawClient, access: Path, path: str) -> None:
    client.request(path)
    status, fields, body = client.reply()
    assert status == 502
    assert fields["content-type"] == "application/problem+json"
    assert fields["x-request-id"].startswith("req_")
    assert b"127.0.0.1" not in body
    line = logged(access, url=path)
    assert (line["statusCode"], line["failure"], line["side"]) == (502, "BAD_GATEWAY", "service")
    client.request("/echo")
    assert client.reply()[0] == 200, "the client's connection is still good"


def test_a_short_body_of_fixed_length_stays_short(client: RawClient, access: Path) -> None:
    client.request("/fixed")
    assert b"\r\ncontent-length: 100\r\n" in client.head()
    assert client.rest() == b"only this"
    line = logged(access, url="/fixed")
    assert (line["failure"], line["side"]) == ("BAD_GATEWAY", "service")


@pytest.mark.parametrize("path", ["/chunked", "/half-a-chunk", "/no-last-chunk"])
def test_a_broken_chunked_body_gets_no_last_chunk(client: RawClient, access: Path, path: str) -> None:
    client.request(path)
    assert b"\r\ntransfer-encoding: chunked\r\n" in client.head()
    assert client.rest() == b"9\r\nonly this\r\n"
    assert logged(access, url=path)["failure"] == "BAD_GATEWAY"


def test_a_body_until_the_end_of_the_connection_is_whole_only_if_that_ended_in_order(
    client: RawClient, scripted: Scripted
) -> None:
    client.request("/closes-well")
    assert b"\r\ntransfer-encoding: chunked\r\n" in client.head()
    assert client.exactly(19) == b"9\r\nall of it\r\n0\r\n\r\n"
    client.request("/until-close")
    assert b"\r\ntransfer-encoding: chunked\r\n" in client.head()
    assert client.exactly(14) == b"9\r\nonly this\r\n"
    scripted.events.put(b"seen")
    assert client.rest() == b""


@pytest.mark.parametrize("path", ["/chunked", "/until-close"])
def test_a_client_that_knows_no_chunks_sees_a_reset(
    gateway: Supervised, scripted: Scripted, path: str
) -> None:
    client = RawClient(gateway.address)
    client.request(path, version="1.0")
    assert b"transfer-encoding" not in client.head()
    if path == "/until-close":
        assert client.exactly(9) == b"only this"
        scripted.events.put(b"seen")
    with pytest.raises(ConnectionResetError):
        client.rest()
    client.close()


def test_a_client_that_knows_no_chunks_sees_an_end_in_order(client: RawClient) -> None:
    client.request("/closes-well", version="1.0")
    assert b"\r\nconnection: close\r\n" in client.head()
    assert client.rest() == b"all of it"


# Streams that last.


def test_events_arrive_one_by_one(client: RawClient, scripted: Scripted) -> None:
    client.request("/events-one-by-one", "GET", "accept: text/event-stream")
    head = client.head()
    assert b"\r\ncontent-type: text/event-stream\r\n" in head
    for number in range(50):
        event = b"data: %d\n\n" % number
        scripted.events.put(event)  # the next one is made when this one has arrived
        assert client.line().strip() == b"%x" % len(event)
        assert client.exactly(len(event) + 2) == event + b"\r\n"
    scripted.events.put(b"")
    assert client.exactly(5) == b"0\r\n\r\n"


def test_who_listens_to_events_and_leaves_ends_them(client: RawClient, scripted: Scripted) -> None:
    client.request("/one-event")
    assert client.head()
    assert client.line() == b"9\r\n"
    client.close()
    assert scripted.ends.get(timeout=PATIENCE_S) == "events"


def test_many_abort_at_once_and_nothing_is_left(gateway: Supervised, scripted: Scripted) -> None:
    clients = [RawClient(gateway.address) for _ in range(40)]
    for client in clients:
        client.request("/silence")
    for _ in clients:
        scripted.heads.get(timeout=PATIENCE_S)
    closing = [threading.Thread(target=client.reset) for client in clients]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()
    for _ in clients:
        assert scripted.ends.get(timeout=PATIENCE_S) == "silence"

    def at_rest() -> bool:
        (worker,) = gateway.get("/health/detailed")["workers"]
        # The one who asks is in flight himself.
        return (worker["in_flight"], worker["connections"]) == (1, 1)

    until(at_rest, "nothing to be in flight")


def test_a_good_service_is_not_disturbed_by_any_of_this(gateway: Supervised) -> None:
    with RawService(echo) as other, RawClient(gateway.address) as client:
        text = gateway.file.read_text()
        gateway.write(text.replace("services: {", f'services: {{good: {{url: "{other.url}"}}, ').replace(
            "routes: [", "routes: [{match: /good/**, service: good, authenticate: none}, "
        ))  # fmt: skip
        assert gateway.ask("reload")["ok"]
        for _ in range(3):
            client.request("/good/bye")
            assert client.reply()[2] == b"GET /good/bye"
            with RawClient(gateway.address) as broken:
                broken.request("/fixed")
                assert broken.head()
                broken.rest()
