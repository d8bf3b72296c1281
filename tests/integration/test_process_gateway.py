"""The supervisor with the gateway itself in its workers, and a service beside it."""

import http.client
import json
import os
import re
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from portico.process.supervisor import GATEWAY
from tests.integration.supervised import PATIENCE_S, Supervised, alive, get, until

ROUTES = "  - {match: /**, service: app, authenticate: none}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path, GATEWAY, url="asgi://tests.integration.process_app:app", routes=ROUTES)
    supervised.env = {"STOPPED": str(tmp_path / "stopped")}
    yield supervised
    supervised.end()


def _served(gateway: Supervised) -> float:
    """Requests that all workers together have ever forwarded, as Prometheus is told."""
    with urllib.request.urlopen(f"{gateway.address}/metrics", timeout=PATIENCE_S) as reply:
        text = reply.read().decode()
    lines = re.findall(r'^http_requests_total\{.*route="/\*\*".*\} (\d+)', text, re.MULTILINE)
    return sum(map(float, lines))


def test_a_request_reaches_the_service_through_either_worker(gateway: Supervised) -> None:
    gateway.start()
    pid = gateway.child()["pid"]
    for number in range(1, 11):
        assert gateway.get("/anything")["pid"] == pid
        assert _served(gateway) == number


def test_counters_never_fall_when_workers_die(gateway: Supervised) -> None:
    gateway.start()
    for _ in range(10):
        gateway.get("/anything")
    assert _served(gateway) == 10
    for slot in (0, 1):
        _kill_worker(gateway, slot)
        assert _served(gateway) == 10


def _kill_worker(gateway: Supervised, slot: int) -> None:
    """Kill it, and wait for its successor."""
    pid = gateway.workers()[slot]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: gateway.workers().get(slot, {"pid": pid})["pid"] != pid, "another worker")


def test_requests_wait_for_a_service_that_was_killed(gateway: Supervised) -> None:
    gateway.start()
    pid = gateway.get("/anything")["pid"]
    for _ in range(2):
        os.kill(pid, signal.SIGKILL)
        _wait_for_the_end(pid)
        answers = {gateway.get("/anything").get("pid") for _ in range(20)}
        assert len(answers) == 1
        assert pid not in answers
        assert None not in answers
        (pid,) = answers


def _wait_for_the_end(pid: int) -> None:
    until(lambda: not alive(pid), "its end")


def test_a_breaker_that_opens_in_one_worker_opens_in_all(gateway: Supervised) -> None:
    gateway.write(url="http://127.0.0.1:9")  # where nobody listens
    gateway.start()
    host, _, port = gateway.address.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    for _ in range(10):  # all to the worker that has this connection
        connection.request("GET", "/")
        assert connection.getresponse().read()
    connection.close()

    def breakers() -> list[dict[str, Any]]:
        return [worker["breakers"]["app"] for worker in gateway.ask("status")["workers"]]

    until(lambda: {breaker["state"] for breaker in breakers()} == {"OPEN"}, "both breakers to open")
    assert sorted(breaker["failures"] for breaker in breakers()) == [0, 10]


def test_a_connection_outlives_a_reload(gateway: Supervised) -> None:
    gateway.start()
    host, _, port = gateway.address.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    greetings = []
    for greeting in ("hello", "good day", "good evening"):
        gateway.write(greeting=greeting)
        assert gateway.ask("reload")["ok"]
        connection.request("GET", "/")
        greetings.append(json.loads(connection.getresponse().read())["greeting"])
    connection.close()
    assert greetings == ["hello", "good day", "good evening"]


def test_nobody_notices_reloads_and_restarts(gateway: Supervised) -> None:
    gateway.start()
    stop = threading.Event()
    trouble: list[Any] = []
    answered = 0

    def ask_and_ask() -> None:
        nonlocal answered
        while not stop.is_set():
            try:
                answer = get(gateway.address)
                if "pid" not in answer:
                    trouble.append(answer)
            except (OSError, http.client.HTTPException) as error:
                trouble.append(error)
            answered += 1

    def ask_on_one_connection() -> None:
        nonlocal answered
        address = urlsplit(gateway.address)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        while not stop.is_set():
            try:
                connection.request("GET", "/")  # opens anew after a reply that closed
                reply = connection.getresponse()
                reply.read()
                if reply.status != 200:
                    trouble.append(reply.status)
            except (OSError, http.client.HTTPException) as error:
                trouble.append(error)
                connection.close()
            answered += 1
        connection.close()

    askers = [threading.Thread(target=ask) for ask in (ask_and_ask, ask_on_one_connection) * 2]
    for asker in askers:
        asker.start()
    try:
        for number in range(4):
            gateway.write(greeting=f"hello {number}")
            assert gateway.ask("reload")["ok"]
            if number % 2:
                assert gateway.ask("restart")["ok"]
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert trouble == []
    assert answered > 100


def test_readiness_fails_while_the_stop_is_delayed(gateway: Supervised) -> None:
    gateway.write(delay="1h")
    gateway.start()
    assert gateway.get("/ready")["status"] == "ready"
    gateway.signal(signal.SIGTERM)
    until(lambda: gateway.get("/ready")["status"] == "not ready", "readiness to fail")
    assert gateway.get("/anything")["greeting"] == "hello"
    gateway.signal(signal.SIGTERM)  # a second one does not wait
    assert gateway.wait() == 1


def test_what_cannot_be_compiled_is_a_configuration_problem(gateway: Supervised) -> None:
    gateway.write(routes="  - {match: '/{open', service: app, authenticate: none}")
    gateway.launch()
    assert gateway.wait() == 2
    assert "portico.yaml:" in gateway.log
    assert "Traceback" not in gateway.log
