"""A breaker over two workers, from outside: the service is killed, and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.observed import breaker, counted, lines, logged, serving
from tests.integration.raw import RawClient
from tests.integration.supervised import ROOT, Supervised, until

pytestmark = pytest.mark.xdist_group("breaker")

CONFIGURATION = """\
version: 1
gateway:
  listen: ["127.0.0.1:0"]
  data: "{folder}/var"
  workers: 2
  ready: {require: [mortal]}
logs: {access: "{folder}/access.log", format: json}
services:
  mortal: {url: "http://127.0.0.1:{port}", breaker: {errors: 50%, volume: 6, window: 30s, reset: 2s}}
  steady: {url: "http://127.0.0.1:{port}/fail", breaker: {errors: off, consecutive: 3, reset: 60s}}
  told: {url: "http://127.0.0.1:{port}", breaker: {consecutive: 3, errors: off, statuses: [503]}}
routes:
  - {match: /mortal, service: mortal, authenticate: none}
  - {match: /fail, service: told, authenticate: none}
  - {match: /steady, service: steady, authenticate: none}
"""


class Mortal:
    """The service, and its port, which it keeps over its deaths."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def live(self) -> None:
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.process_service", str(self.port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def die(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


@pytest.fixture(scope="module")
def mortal() -> Iterator[Mortal]:
    service = Mortal()
    service.live()
    yield service
    service.die()


@pytest.fixture(autouse=True)
def alive(mortal: Mortal) -> None:
    """Whatever the test before has done to it."""
    mortal.live()


@pytest.fixture(scope="module")
def gateway(mortal: Mortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    configuration = CONFIGURATION.replace("{port}", str(mortal.port))
    with serving(tmp_path_factory.mktemp("breaker"), configuration) as running:
        yield running


Ask = Callable[[str], tuple[int, dict[str, str], bytes]]


@contextmanager
def asking(gateway: Supervised) -> Iterator[tuple[Ask, Ask]]:
    """A way to ask each worker: connections are spread by chance, so open some until both have one."""
    doors: dict[int, RawClient] = {}

    def both() -> bool:
        client = RawClient(gateway.address)
        client.request("/health/detailed")
        # The worker that answers has this very request in flight.
        workers = json.loads(client.reply()[2])["workers"]
        busy = [worker["worker"] for worker in workers if worker["in_flight"]]
        if len(busy) == 1 and busy[0] not in doors:
            doors[busy[0]] = client
        else:
            client.close()
        return len(doors) == 2

    until(both, "a connection to each worker")

    def ask(number: int) -> Ask:
        def over(path: str) -> tuple[int, dict[str, str], bytes]:
            doors[number].request(path)
            return doors[number].reply()

        return over

    try:
        yield ask(0), ask(1)
    finally:
        for client in doors.values():
            client.close()


def refused(ask: Ask) -> tuple[int, dict[str, str], bytes] | None:
    """The reply, if the breaker gave it."""
    reply = ask("/mortal")
    return reply if "retry-after" in reply[1] else None


def while_asked(ask: Ask, seen: Callable[[], bool], what: str) -> None:
    """Wait until something is seen, and go on asking meanwhile."""

    def asked_and_seen() -> bool:
        ask("/mortal")
        return seen()

    until(asked_and_seen, what)


def test_a_service_dies_and_comes_back(gateway: Supervised, mortal: Mortal) -> None:
    with asking(gateway) as (first, second):
        for ask in (first, second):
            assert ask("/mortal")[::2] == (200, b"200")
        assert breaker(gateway, "mortal")["state"] == "CLOSED"
        mortal.die()
        # Its connections are gone with it: the first answers differ, and then it is refused.
        statuses = [first("/mortal")[0] for _ in range(8)]
        assert set(statuses) <= {502, 503}
        assert statuses[-1] == 503
        until(lambda: refused(first), "the breaker to open")
        reply = until(lambda: refused(second), "the other worker to hear of it")
        assert reply is not None
        status, fields, body = reply
        assert status == 503
        assert 1 <= int(fields["retry-after"]) <= 2
        assert b"Service unavailable: mortal" in body
        # A probe that fails opens it again: so it is open soon after every question.
        while_asked(
            first, lambda: breaker(gateway, "mortal")["state"] == "OPEN", "the breaker to be seen open"
        )
        told = breaker(gateway, "mortal")
        assert told["failures"] >= 3
        assert told["lastFailureTime"] is not None
        while_asked(
            first, lambda: first("/ready")[0] == 503, "the gateway not to be ready, which requires it"
        )
        while_asked(
            first,
            lambda: counted(gateway.address, "circuit_breaker_state", service="mortal") == 1,
            "the metric to say so",
        )
        assert first("/health")[0] == 200
        assert counted(gateway.address, "circuit_breaker_events_total", service="mortal", event="open") >= 1
        assert counted(gateway.address, "circuit_breaker_events_total", service="mortal", event="reject") >= 1
        logged(gateway.folder / "access.log", detail="breaker open", side="gateway")
        assert "breaker of mortal: CLOSED -> OPEN" in gateway.log

        mortal.live()
        until(lambda: first("/mortal")[0] == 200, "the service to be served again")
        until(lambda: second("/mortal")[0] == 200, "the other worker to serve it again")
        assert breaker(gateway, "mortal")["state"] == "CLOSED"
        assert first("/ready")[0] == 200
        assert counted(gateway.address, "circuit_breaker_state", service="mortal") == 0


def test_an_opening_is_told_to_the_siblings(gateway: Supervised) -> None:
    with asking(gateway) as (first, second):
        for _ in range(3):
            assert first("/steady")[0] == 500, "a reply of the service is passed on as it is"
        assert first("/steady")[0] == 503
        until(lambda: second("/steady")[0] == 503, "the other worker to hear of it")
        assert breaker(gateway, "steady")["state"] == "OPEN"
        log = gateway.folder / "access.log"
        logged(log, url="/steady", statusCode=503, detail="breaker open")
        # Each worker writes in its own time: the first one's lines may come after the other's.
        until(lambda: len(lines(log, url="/steady", statusCode=500)) >= 3, "the lines of the first worker")
        # The other worker may have asked before it heard, but never as often as would open its own.
        assert len(lines(log, url="/steady", statusCode=500)) < 6
        assert first("/mortal")[0] == second("/mortal")[0] == 200, "one breaker for each service"


def test_only_the_statuses_that_are_written_are_failures(gateway: Supervised) -> None:
    with asking(gateway) as (first, _):
        assert {first("/fail")[0] for _ in range(10)} == {500}
    assert breaker(gateway, "told")["state"] == "CLOSED"
