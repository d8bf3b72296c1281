"""Reload and restart of a running gateway: in every worker or in none, and without anybody noticing."""

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.supervised import Supervised, alive, get, until, waiting_request


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path)
    yield supervised
    supervised.end()


def _names(gateway: Supervised) -> set[str]:
    return {answer["name"] for answer in gateway.from_every_worker().values()}


def test_a_reload_reaches_every_worker_and_keeps_them(gateway: Supervised) -> None:
    gateway.start()
    before = gateway.workers()
    gateway.write(name="two")
    answer = gateway.ask("reload")
    assert answer["ok"]
    assert answer["changes"] == ["gateway.name changed"]
    assert _names(gateway) == {"two"}
    after = gateway.workers()
    assert [after[slot]["pid"] for slot in after] == [before[slot]["pid"] for slot in before]
    assert {worker["generation"] for worker in after.values()} == {answer["generation"]}


def test_many_routes_arrive_complete_and_in_order(gateway: Supervised) -> None:
    gateway.start()
    gateway.write(routes="\n".join(f"  - {{match: /r{number}, service: app}}" for number in range(1000)))
    assert gateway.ask("reload")["ok"]
    assert {answer["routes"] for answer in gateway.from_every_worker().values()} == {1000}


def test_a_hangup_reloads(gateway: Supervised) -> None:
    gateway.start()
    gateway.write(name="two")
    gateway.signal(signal.SIGHUP)
    until(lambda: _names(gateway) == {"two"}, "the reload")


def test_a_broken_file_changes_nothing_not_even_for_a_worker_that_starts_later(gateway: Supervised) -> None:
    gateway.start()
    gateway.write(text="version: 1\ngateway: {name: [}\n")
    gateway.signal(signal.SIGHUP)
    until(lambda: "reload refused: everything stays as it is (generation 1)" in gateway.log, "the refusal")
    pid = gateway.workers()[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: gateway.workers().get(0, {"pid": pid})["pid"] != pid, "another worker")
    assert _names(gateway) == {"one"}
    problems = gateway.ask("reload")["problems"]
    assert any("portico.yaml:2:" in problem for problem in problems)


@pytest.mark.parametrize("name", ["refuse", "refuse-1"])
def test_what_one_worker_refuses_none_serves(gateway: Supervised, name: str) -> None:
    gateway.start()
    gateway.write(name=name)
    answer = gateway.ask("reload")
    assert not answer["ok"]
    assert answer["problems"] == ["portico.yaml:2:3: gateway.name: is not to our taste"]
    assert _names(gateway) == {"one"}
    gateway.write(name="two")
    assert gateway.ask("reload")["ok"]
    assert _names(gateway) == {"two"}


def test_workers_that_die_while_they_prepare_come_back_with_what_is_live(gateway: Supervised) -> None:
    gateway.start()
    gateway.write(name="die")
    answer = gateway.ask("reload")
    assert not answer["ok"]
    assert "died" in answer["problems"][0]
    until(lambda: len(gateway.workers()) == 2, "both workers")
    assert _names(gateway) == {"one"}


def test_what_only_a_start_can_change_is_refused(gateway: Supervised) -> None:
    gateway.start()
    gateway.write(workers=3, listen='"127.0.0.1:1"')
    assert gateway.ask("reload")["problems"] == [
        "gateway.listen cannot be changed while the gateway runs: stop it and start it again",
        "gateway.workers cannot be changed while the gateway runs: stop it and start it again",
    ]


def test_a_restart_brings_new_code_and_lets_the_old_finish(gateway: Supervised, tmp_path: Path) -> None:
    gateway.start()
    before = {worker["pid"] for worker in gateway.workers().values()}
    with waiting_request(gateway, tmp_path / "go") as client:
        answer = gateway.ask("restart")
        assert answer["ok"]
        assert not before & {answer["pid"] for answer in gateway.from_every_worker().values()}
        (tmp_path / "go").touch()
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    until(lambda: not any(map(alive, before)), "the old workers to end")


def test_an_old_worker_is_ended_when_it_does_not_leave(gateway: Supervised, tmp_path: Path) -> None:
    gateway.write(drain="100ms")
    gateway.start(end_s=0.1)
    before = {worker["pid"] for worker in gateway.workers().values()}
    with waiting_request(gateway, tmp_path / "never") as client:
        assert gateway.ask("restart")["ok"]
        assert client.recv(1) == b""  # after drain_timeout
    until(lambda: not any(map(alive, before)), "the old workers to end")


def test_a_restart_uses_what_is_live_and_not_a_newer_broken_file(gateway: Supervised) -> None:
    gateway.start()
    gateway.write(text="version: [")
    assert gateway.ask("restart")["ok"]
    assert _names(gateway) == {"one"}


def test_new_code_that_cannot_start_replaces_nothing(gateway: Supervised, tmp_path: Path) -> None:
    (tmp_path / "own_gateway.py").write_text("from tests.integration.process_gateway import Gateway\n")
    gateway.gateway = "own_gateway:Gateway"
    assert not gateway.real
    gateway.start()
    before = gateway.workers()
    (tmp_path / "own_gateway.py").write_text("raise RuntimeError('half written')\n")
    answer = gateway.ask("restart")
    assert not answer["ok"]
    assert answer["problems"] == ["the new worker 0 died (exited with code 1)"]
    assert "half written" in gateway.log
    assert {pid for pid in gateway.pids() if alive(pid)} == {worker["pid"] for worker in before.values()}
    assert _names(gateway) == {"one"}


def test_nobody_notices_reloads_and_restarts(gateway: Supervised) -> None:
    gateway.start()
    stop = threading.Event()
    trouble: list[Exception] = []
    answered = 0

    def ask_and_ask() -> None:
        nonlocal answered
        while not stop.is_set():
            try:
                get(gateway.address)
            except (OSError, http.client.HTTPException) as error:
                trouble.append(error)
            answered += 1

    askers = [threading.Thread(target=ask_and_ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        for number in range(3):
            gateway.write(name=f"generation-{number}")
            assert gateway.ask("reload")["ok"]
            assert gateway.ask("restart")["ok"]
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert trouble == []
    assert answered > 100


def test_an_unknown_command_and_a_line_that_is_no_request(gateway: Supervised) -> None:
    gateway.start()
    assert gateway.ask("dance")["error"] == "unknown command 'dance'; known are status, reload, restart, stop"
    assert (gateway.folder / "var" / "control.sock").stat().st_mode & 0o777 == 0o600
