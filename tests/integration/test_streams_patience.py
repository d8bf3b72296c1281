"""Time-outs and limits of a running gateway, towards clients and towards services, each seen from outside."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.integration.observed import counted, logged, serving
from tests.integration.raw import Peer, RawClient, RawService, echo, path_of
from tests.integration.supervised import Supervised, until

pytestmark = pytest.mark.xdist_group("streams")

CONFIGURATION = """\
version: 1
gateway:
  listen: ["127.0.0.1:0"]
  data: "{folder}/var"
  limits: {connections: 200, header_bytes: 4KiB, header_count: 20, target: 1KiB, body: 64KiB}
  timeouts: {header: 800ms, body: 800ms, keep_alive: 3s}
logs: {access: "{folder}/access.log", format: json}
services:
  mute: {url: "{mute}", timeout: 300ms, breaker: off}
  stuck: {url: "{mute}", idle: 300ms, breaker: off}
  endless: {url: "{mute}", total: 500ms, breaker: off}
  refusing: {url: "http://127.0.0.1:{refused}", breaker: off}
  nowhere: {url: "http://no-such-service.invalid", breaker: off}
  full: {url: "http://127.0.0.1:{full}", connect: 300ms, breaker: off}
  narrow: {url: "{mute}", timeout: 20s, pool: {connections: 1, queue: 1}, breaker: off}
  good: {url: "{good}", breaker: off}
routes:
  - {match: /mute, service: mute, authenticate: none}
  - {match: /stuck, service: stuck, authenticate: none}
  - {match: /endless, service: endless, authenticate: none}
  - {match: /refusing, service: refusing, authenticate: none}
  - {match: /nowhere, service: nowhere, authenticate: none}
  - {match: /full, service: full, authenticate: none}
  - {match: /narrow, service: narrow, authenticate: none}
  - {match: "POST /small", service: good, limits: {body: 10B}, authenticate: none}
  - {match: "POST /small/unanswered", service: mute, limits: {body: 10B}, authenticate: none}
  - {match: /good, service: good, authenticate: none}
"""


def mute(peer: Peer) -> None:
    """Says too little, or too much."""
    while head := peer.head():
        match path_of(head):
            case "/stuck":
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            case "/endless":
                peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while True:
                    peer.send(b"1\r\n.\r\n")
                    peer.sock.settimeout(0.05)
                    try:
                        if not peer.sock.recv(1):
                            return
                    except TimeoutError:
                        pass  # still there
            case _:
                pass
        peer.ended()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    # Bound and not listening: nobody else gets the port, and who connects is refused.
    refused = socket.socket()
    refused.bind(("127.0.0.1", 0))
    # One connection waits to be accepted, and there is no room for another: who connects gets no answer.
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = socket.create_connection(full.getsockname())
    with refused, full, waiting, RawService(mute) as silent, RawService(echo) as good:
        configuration = CONFIGURATION
        for name, value in {
            "mute": silent.url,
            "good": good.url,
            "refused": refused.getsockname()[1],
            "full": full.getsockname()[1],
        }.items():
            configuration = configuration.replace("{" + name + "}", str(value))
        with serving(tmp_path_factory.mktemp("patience"), configuration) as running:
            yield running


@pytest.fixture
def client(gateway: Supervised) -> Iterator[RawClient]:
    with RawClient(gateway.address) as connected:
        yield connected


@pytest.mark.parametrize(
    ("path", "status", "code", "text"),
    [
        ("/mute", 504, "GATEWAY_TIMEOUT", b"The service did not answer in time"),
        ("/full", 504, "GATEWAY_TIMEOUT", b"The service did not answer in time"),
        ("/refusing", 503, "SERVICE_UNAVAILABLE", b"Service unavailable"),
        ("/nowhere", 502, "BAD_GATEWAY", b"The service could not be reached"),
    ],
)
def test_a_service_that_cannot_be_had(
    gateway: Supervised, client: RawClient, path: str, status: int, code: str, text: bytes
) -> None:
    client.request(path)
    told, fields, body = client.reply()
    assert told == status
    assert text in body
    assert b"127.0.0.1" not in body
    assert b"invalid" not in body
    assert fields["x-request-id"].startswith("req_")
    assert fields["x-response-time"].endswith("ms")
    assert fields["cache-control"] == "no-store"
    line = logged(gateway.folder / "access.log", url=path)
    assert (line["statusCode"], line["failure"], line["side"]) == (status, code, "service")
    assert line["requestId"] == fields["x-request-id"]
    assert counted(gateway.address, "http_requests_total", route=path, status_code=str(status)) == 1
    client.request("/good")
    assert client.reply()[0] == 200, "the client's connection goes on"


def test_a_service_that_stops_in_the_middle(gateway: Supervised, client: RawClient) -> None:
    client.request("/stuck")
    assert b"content-length: 10" in client.head()
    assert client.rest() == b"half"
    line = logged(gateway.folder / "access.log", url="/stuck")
    assert (line["failure"], line["side"]) == ("GATEWAY_TIMEOUT", "service")


def test_a_reply_without_end_is_ended(gateway: Supervised, client: RawClient) -> None:
    client.request("/endless")
    assert b"transfer-encoding: chunked" in client.head()
    assert not client.rest().endswith(b"0\r\n\r\n")
    assert logged(gateway.folder / "access.log", url="/endless")["failure"] == "GATEWAY_TIMEOUT"


def test_a_full_pool_and_its_line(gateway: Supervised) -> None:
    inside, in_line = RawClient(gateway.address), RawClient(gateway.address)
    inside.request("/narrow")
    in_line.request("/narrow")
    until(
        lambda: counted(gateway.address, "portico_pool_waiting_requests", service="narrow") == 1,
        "a request to wait for a connection",
    )
    with RawClient(gateway.address) as third:
        third.request("/narrow?third")
        status, _, body = third.reply()
    assert status == 503
    assert b"Service is at capacity" in body
    assert logged(gateway.folder / "access.log", url="/narrow?third")["side"] == "gateway"
    in_line.close()
    until(
        lambda: counted(gateway.address, "portico_pool_waiting_requests", service="narrow") == 0,
        "the one in line to have left",
    )
    inside.close()


# Clients that are slow.


def test_a_slow_head_is_answered_408(gateway: Supervised, client: RawClient) -> None:
    client.send(b"GET /slow-head HTTP/1.1\r\nhost: gat")
    status, fields, body = client.reply()
    assert status == 408
    assert fields["connection"] == "close"
    assert b"The request took too long" in body
    assert client.rest() == b""
    assert counted(gateway.address, "http_requests_total", status_code="408") >= 1


def test_a_head_that_comes_byte_by_byte_gets_no_more_time(client: RawClient) -> None:
    head = b"GET /drip HTTP/1.1\r\nhost: gateway\r\nx-more: "
    client.sock.settimeout(0.02)
    reply = b""
    for number in range(10_000):
        try:
            client.send(head[number : number + 1] or b"x")
            reply = client.sock.recv(1 << 16)
        except TimeoutError:
            continue
        break
    assert reply.startswith(b"HTTP/1.1 408 ")


def test_a_slow_body_is_answered_408(gateway: Supervised, client: RawClient) -> None:
    client.request("/good?slow-body", "POST", "content-length: 100")
    client.send(b"only this")
    status, fields, _ = client.reply()
    assert (status, fields["connection"]) == (408, "close")
    assert client.rest() == b""
    line = logged(gateway.folder / "access.log", url="/good?slow-body")
    assert (line["failure"], line["side"]) == ("REQUEST_TIMEOUT", "client")


def test_a_connection_that_says_nothing_is_closed(client: RawClient) -> None:
    assert client.rest() == b""


def test_a_connection_is_kept_for_a_while_and_then_closed(client: RawClient) -> None:
    for _ in range(5):
        client.request("/good")
        assert client.reply()[0] == 200
    assert client.rest() == b""


# Clients that send too much.


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        ("/good?" + "x" * 2000, [], 414),
        ("/good", ["x-long: " + "x" * 5000], 431),
        ("/good", [f"x-{number}: x" for number in range(30)], 431),
    ],
)
def test_a_head_that_is_too_large(client: RawClient, target: str, fields: list[str], status: int) -> None:
    client.request(target, "GET", *fields)
    told, replied, _ = client.reply()
    assert (told, replied["connection"]) == (status, "close")
    assert client.rest() == b""


def test_a_body_that_is_announced_too_large(client: RawClient) -> None:
    client.request("/small", "POST", "content-length: 11")
    assert client.reply()[0] == 413


@pytest.mark.parametrize("whole", [True, False], ids=["with its head", "after its head"])
def test_a_body_that_grows_too_large(client: RawClient, whole: bool) -> None:
    # Behind a service that answers a head at once, whether the body comes in time would be chance.
    path = b"/small" if whole else b"/small/unanswered"
    head = b"POST %b HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n\r\n" % path
    body = b"5\r\n12345\r\n6\r\n123456\r\n0\r\n\r\n"
    client.send(head + body if whole else head)
    if not whole:
        client.send(body)
    assert client.reply()[0] == 413


def test_connections_beyond_the_cap_are_reset(gateway: Supervised) -> None:
    text = gateway.file.read_text()
    gateway.write(
        text.replace("connections: 200", "connections: 3").replace("keep_alive: 3s", "keep_alive: 60s")
    )
    until(
        lambda: counted(gateway.address, "portico_client_connections") == 1, "nobody to be connected but us"
    )
    assert gateway.ask("reload")["ok"]
    clients = [RawClient(gateway.address) for _ in range(3)]
    for client in clients:
        client.request("/good")
        assert client.reply()[0] == 200
    with pytest.raises(ConnectionResetError), RawClient(gateway.address) as fourth:
        fourth.rest()
    clients.pop().close()

    def admitted() -> bool:
        with RawClient(gateway.address) as another:
            another.request("/good")
            return another.head().startswith(b"HTTP/1.1 200 ")

    until(admitted, "a place to be free")
    for client in clients:
        client.request("/good")
        assert client.reply()[0] == 200
        client.close()
    assert counted(gateway.address, "portico_client_connections_refused_total") >= 1
