"""Changes and accidents of a gateway under constant traffic, on two workers: nobody notices, or only who must.

The clients keep their connections and count what goes wrong on each; what they may see is said by each test.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from tests.integration.observed import Figures, breaker, counted, figures, serving
from tests.integration.raw import RawClient, RawService, echo
from tests.integration.supervised import PATIENCE_S, Supervised, until

pytestmark = pytest.mark.xdist_group("reload")

CLIENTS = 6

CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"], data: "{folder}/var", workers: 2, drain_timeout: 60s, shutdown: {grace: 20s}}
logs: {access: off, format: json}
services:
  echo: {url: "{echo}", timeout: {timeout}s}
  socket: {url: "{socket}"}
routes:
  - {match: /socket, service: socket, authenticate: none}
  - {match: /steady/**, service: echo, authenticate: none}
{more}"""


def configuration(echo_url: str, socket_url: str, number: int, folder: Path) -> str:
    """The n-th: other routes, another time-out, at times another service."""
    more = "".join(
        f"  - {{match: /steady/{number}/{extra}, service: echo, authenticate: none}}\n"
        for extra in range(number % 5)
    )
    if number % 2:
        more += "  - {match: /sometimes, service: echo, authenticate: none}\n"
    return (
        CONFIGURATION.replace("{folder}", str(folder))
        .replace("{echo}", echo_url)
        .replace("{socket}", socket_url)
        .replace("{timeout}", str(10 + number))
        .replace("{more}", more)
    )


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """A service that echoes requests, and one that echoes messages."""

    def repeat(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with RawService(echo) as good, serve(repeat, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield good.url, f"http://127.0.0.1:{_port(server)}"
        server.shutdown()
        thread.join()


def _port(server: Server) -> int:
    return int(server.socket.getsockname()[1])


@pytest.fixture
def gateway(urls: tuple[str, str], tmp_path: Path) -> Iterator[Supervised]:
    with serving(tmp_path, configuration(*urls, 0, tmp_path)) as running:
        yield running


class Traffic:
    """A client that asks and asks over one connection. When that breaks it takes another one, and remembers."""

    def __init__(self, address: str, number: int, stop: threading.Event) -> None:
        self.address = address
        self.number = number
        self.stop = stop
        self.answered = 0
        self.wrong: list[str] = []
        self.broken = 0
        self.client = RawClient(address)
        self.worker = self._worker()
        self.thread = threading.Thread(target=self._run)

    def _worker(self) -> int:
        """Whose connection it is: nobody else asks yet, so that the one with a request in flight answers this."""
        self.client.request("/health/detailed")
        workers = json.loads(self.client.reply()[2])["workers"]
        (busy,) = (worker["worker"] for worker in workers if worker["in_flight"])
        return int(busy)

    def _run(self) -> None:
        while not self.stop.is_set():
            self.answered += 1
            path = f"/steady/{self.number}/{self.answered}"
            body = b"x" * (self.answered % 7 * 100)
            try:
                self.client.request(path, "POST", f"content-length: {len(body)}")
                self.client.send(body)
                status, _, told = self.client.reply()
            except (OSError, AssertionError):
                self.broken += 1
                self.client.close()
                self.client = RawClient(self.address)
                continue
            if (status, told) != (200, b"POST " + path.encode() + (body and b" " + body)):
                self.wrong.append(f"{path}: {status} {told[:200]!r}")
        self.client.close()


@contextmanager
def traffic(gateway: Supervised) -> Iterator[list[Traffic]]:
    """Clients on both workers, until the end of the block."""
    stop = threading.Event()
    clients: list[Traffic] = []

    def enough() -> bool:
        one = Traffic(gateway.address, len(clients), stop)
        if len(clients) < CLIENTS - 1 or {each.worker for each in [*clients, one]} == {0, 1}:
            clients.append(one)
        else:
            one.client.close()
        return len(clients) == CLIENTS

    until(enough, "clients on both workers")
    for client in clients:
        client.thread.start()
    try:
        yield clients
    finally:
        stop.set()
        for client in clients:
            client.thread.join()


def moves(clients: list[Traffic]) -> None:
    """Wait until every client has had more answers."""
    before = [client.answered for client in clients]
    until(
        lambda: all(client.answered > count + 2 for client, count in zip(clients, before, strict=True)),
        "every client to be answered",
    )


def talk(socket: ClientConnection, text: str) -> None:
    socket.send(text)
    assert socket.recv(PATIENCE_S) == text


def reload(gateway: Supervised, text: str, *, by_signal: bool) -> None:
    """Have another configuration live."""
    gateway.write(text)
    if by_signal:
        generation = gateway.ask("status")["generation"]
        gateway.signal(signal.SIGHUP)
        until(lambda: gateway.ask("status")["generation"] > generation, "the reload")
    else:
        answer = gateway.ask("reload")
        assert answer["ok"], answer
        assert answer["changes"]


def test_twenty_reloads_lose_nothing(gateway: Supervised, urls: tuple[str, str]) -> None:
    with ExitStack() as stack:
        with traffic(gateway) as clients:
            address = f"ws{gateway.address.removeprefix('http')}/socket"
            sockets = [stack.enter_context(connect(address, proxy=None)) for _ in range(4)]
            for socket in sockets:
                talk(socket, "before")
            for number in range(1, 21):
                reload(gateway, configuration(*urls, number, gateway.folder), by_signal=number % 2 == 1)
                with RawClient(gateway.address) as client:
                    client.request("/sometimes")
                    assert client.reply()[0] == (200 if number % 2 else 404), (
                        "the new routes are live at once"
                    )
                talk(sockets[number % 4], f"during {number}")
                moves(clients)
        assert [client.wrong for client in clients] == [[]] * CLIENTS
        assert [client.broken for client in clients] == [0] * CLIENTS
        for socket in sockets:
            talk(socket, "after")
            talk(socket, "x" * 100_000)
    assert {worker["generation"] for worker in gateway.workers().values()} == {
        gateway.ask("status")["generation"]
    }


def test_a_broken_file_changes_nothing(gateway: Supervised, urls: tuple[str, str]) -> None:
    text = configuration(*urls, 1, gateway.folder)
    gateway.write(text)
    answer = gateway.ask("reload")
    assert answer["ok"]
    with traffic(gateway) as clients:
        for broken in (
            "version: 1\nroutes: [",
            text.replace("service: socket", "service: sokket"),
            text.replace("version: 1", "version: 1\nunknown: key"),
            text.replace("/steady/**", "/{open"),
            "",
        ):
            gateway.write(broken)
            answer = gateway.ask("reload")
            assert not answer["ok"]
            assert answer["problems"]
            moves(clients)
        refusals = gateway.log.count("everything stays as it is")
        gateway.signal(signal.SIGHUP)
        until(lambda: gateway.log.count("everything stays as it is") > refusals, "the refusal")
        with RawClient(gateway.address) as client:
            client.request("/sometimes")
            assert client.reply()[0] == 200
    assert [client.wrong for client in clients] == [[]] * CLIENTS
    assert [client.broken for client in clients] == [0] * CLIENTS
    assert {worker["generation"] for worker in gateway.workers().values()} == {answer["generation"]}


def lasting(told: Figures) -> Figures:
    """The figures that may never fall: counters, and the parts of histograms."""
    endings = ("_total", "_bucket", "_count", "_sum")
    return {key: value for key, value in told.items() if key[0].endswith(endings)}


def test_a_killed_worker_takes_only_its_own_requests_with_it(gateway: Supervised) -> None:
    fallen: list[str] = []
    polls = 0
    stop = threading.Event()

    def watch() -> None:
        nonlocal polls
        before: Figures = {}
        while not stop.is_set():
            # Who asks the worker that is killed is cut off like everybody else there.
            try:
                now = lasting(figures(gateway.address))
            except OSError:
                continue
            fallen.extend(f"{key}: {value} -> {now.get(key)}" for key, value in before.items()
                          if now.get(key, -1.0) < value)  # fmt: skip
            before = now
            polls += 1

    watcher = threading.Thread(target=watch)
    with traffic(gateway) as clients:
        watcher.start()
        try:
            moves(clients)
            victim = gateway.workers()[0]["pid"]
            os.kill(victim, signal.SIGKILL)
            until(lambda: gateway.workers().get(0, {"pid": victim})["pid"] != victim, "another worker")
            moves(clients)
            seen = polls
            until(lambda: polls > seen + 3, "more figures")
        finally:
            stop.set()
            watcher.join()
    assert [client.wrong for client in clients] == [[]] * CLIENTS
    for client in clients:
        assert client.broken <= (client.worker == 0), (
            "one request was in flight, and only on the killed worker"
        )
    assert fallen == []
    answered = sum(client.answered for client in clients)
    lost = sum(client.broken for client in clients)
    counted_all = counted(gateway.address, "http_requests_total", route="/steady/**")
    # What the killed worker had answered since it last told its numbers died with it.
    assert counted_all <= answered
    assert counted_all > 0
    assert lost <= CLIENTS
    assert breaker(gateway, "echo")["state"] == "CLOSED"
