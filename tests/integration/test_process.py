"""The supervisor and its workers as real processes: they serve, die, hang, stop and are replaced."""

import http.client
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.supervised import Supervised, alive, until, waiting_request


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path)
    yield supervised
    supervised.end()


def test_every_worker_serves_on_the_address_that_is_announced(gateway: Supervised) -> None:
    gateway.start()
    answers = gateway.from_every_worker()
    assert gateway.announced["workers"] == 2
    assert gateway.announced["pid"] == gateway.pid
    assert len({answer["pid"] for answer in answers.values()}) == 2
    assert all(answer["name"] == "one" for answer in answers.values())


def test_the_numbers_of_all_workers_come_from_each(gateway: Supervised) -> None:
    gateway.start()
    answers = gateway.from_every_worker()
    snapshots = gateway.get("/snapshots")
    assert [each["worker"] for each in snapshots] == [0, 1, None]
    assert [each["pid"] for each in snapshots[:2]] == [answers[0]["pid"], answers[1]["pid"]]


def _requests(gateway: Supervised) -> float:
    """All requests that any worker, dead or alive, has counted."""
    families = [each["metrics"].get("requests_total") for each in gateway.get("/snapshots")]
    return sum(float(family["children"][0][1][0]) for family in families if family)


def test_a_killed_worker_is_replaced_and_takes_no_count_with_it(gateway: Supervised) -> None:
    gateway.start()
    before = gateway.workers()
    gateway.from_every_worker()
    counted = _requests(gateway)
    os.kill(before[0]["pid"], signal.SIGKILL)
    after = _replaced(gateway, before[0]["pid"])
    assert after[1]["pid"] == before[1]["pid"]
    assert after[0]["restarts"] == 1
    assert _requests(gateway) > counted
    assert f"worker 0 (pid {before[0]['pid']}) was killed by SIGKILL" in gateway.log
    gateway.from_every_worker()


def _replaced(gateway: Supervised, pid: int) -> dict[int, dict[str, Any]]:
    """The workers, once another one has taken the place of worker 0, whose id was `pid`."""

    def replaced() -> dict[int, dict[str, Any]]:
        workers = gateway.workers()
        return workers if len(workers) == 2 and workers[0]["pid"] != pid else {}

    return until(replaced, "another worker 0")


def _hang_a_worker(gateway: Supervised, flag: Path) -> socket.socket:
    host, _, port = gateway.address.removeprefix("http://").rpartition(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(f"GET /hang?{flag} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    until(flag.exists, "a worker to hang")
    return client


def test_a_worker_that_hangs_shows_its_stack_and_is_killed(gateway: Supervised, tmp_path: Path) -> None:
    gateway.start(beat_s=0.1, hung_beats=30)
    before = {worker["pid"] for worker in gateway.workers().values()}
    with _hang_a_worker(gateway, tmp_path / "hangs") as client:
        assert client.recv(1) == b""
    until(
        lambda: len({worker["pid"] for worker in gateway.workers().values()} - before) == 1, "another worker"
    )
    assert "process_gateway.py" in gateway.log
    assert "in answer" in gateway.log
    assert "was killed by SIGKILL" in gateway.log


def test_news_reach_every_sibling_and_not_the_teller(gateway: Supervised) -> None:
    gateway.write(workers=3)
    gateway.start()
    teller = gateway.get("/tell?tickets")["worker"]

    def heard_by_two() -> dict[int, Any]:
        answers = gateway.from_every_worker()
        return answers if sum(bool(answer["heard"]) for answer in answers.values()) == 2 else {}

    answers = until(heard_by_two, "the news")
    assert answers[teller]["heard"] == []
    assert all(
        answer["heard"] == [{"breaker": "tickets"}] for slot, answer in answers.items() if slot != teller
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_what_is_in_flight(
    gateway: Supervised, tmp_path: Path, number: signal.Signals
) -> None:
    gateway.start()
    pids = gateway.pids()
    with waiting_request(gateway, tmp_path / "go") as client:
        gateway.signal(number)
        until(lambda: gateway.ask("status")["stopping"], "the stop")
        until(lambda: _refuses(gateway), "connections to be refused")
        (tmp_path / "go").touch()
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    assert gateway.wait() == 0
    assert not any(map(alive, pids))
    assert list((tmp_path / "var").iterdir()) == []


def _refuses(gateway: Supervised) -> bool:
    try:
        gateway.get()
    except ConnectionRefusedError:
        return True
    except (OSError, http.client.HTTPException):
        return False
    return False


def test_while_the_stop_is_delayed_requests_are_served_and_readiness_fails(gateway: Supervised) -> None:
    gateway.write(delay="1h")
    gateway.start()
    gateway.signal(signal.SIGTERM)
    until(
        lambda: not any(answer["ready"] for answer in gateway.from_every_worker().values()),
        "readiness to fail",
    )
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 1


def test_what_is_still_in_flight_after_the_grace_is_cut_off(gateway: Supervised, tmp_path: Path) -> None:
    gateway.write(grace="100ms")
    gateway.start()
    with waiting_request(gateway, tmp_path / "never") as client:
        gateway.signal(signal.SIGTERM)
        assert client.recv(1) == b""
    assert gateway.wait() == 0
    assert "cut off" in gateway.log


def test_a_second_signal_does_not_wait(gateway: Supervised, tmp_path: Path) -> None:
    gateway.write(grace="1h")
    gateway.start()
    pids = gateway.pids()
    with waiting_request(gateway, tmp_path / "never"):
        gateway.signal(signal.SIGINT)
        until(lambda: gateway.ask("status")["stopping"], "the stop")
        gateway.signal(signal.SIGINT)
        assert gateway.wait() == 1
    assert not any(map(alive, pids))


def test_a_killed_supervisor_leaves_nothing_behind(gateway: Supervised, tmp_path: Path) -> None:
    gateway.write(url="asgi://tests.integration.process_app:app", grace="10s")
    gateway.env = {"STOPPED": str(tmp_path / "stopped")}
    gateway.start()
    pids = gateway.pids()
    folder = Path(next(iter(gateway.get()["children"].values()))).parent
    assert len(pids) == 3
    with waiting_request(gateway, tmp_path / "go") as client:
        gateway.signal(signal.SIGKILL)
        (tmp_path / "go").touch()
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    until(lambda: not any(map(alive, pids)), "every process to end")
    assert (tmp_path / "stopped").exists()
    assert not folder.exists()
    # What it left in the data folder keeps nobody from starting again.
    gateway.end()
    gateway.start()


def test_a_hung_worker_does_not_outlive_its_supervisor(gateway: Supervised, tmp_path: Path) -> None:
    gateway.write(workers=1, grace="1s")
    gateway.start(hung_beats=10_000)
    (pid,) = gateway.pids()
    with _hang_a_worker(gateway, tmp_path / "hangs"):
        gateway.signal(signal.SIGKILL)
        until(lambda: not alive(pid), "the worker to end")


def test_a_worker_that_is_told_to_end_ends_in_good_order_and_is_replaced(gateway: Supervised) -> None:
    gateway.start()
    pid = gateway.workers()[0]["pid"]
    os.kill(pid, signal.SIGHUP)  # not for workers, and harmless
    os.kill(pid, signal.SIGTERM)
    _replaced(gateway, pid)
    assert f"(pid {pid}) exited with code 0" in gateway.log


def test_logs_are_reopened_in_every_worker(gateway: Supervised) -> None:
    gateway.start()
    gateway.signal(signal.SIGUSR1)
    until(lambda: all(answer["reopened"] for answer in gateway.from_every_worker().values()), "reopened logs")


def test_workers_that_come_and_go_leave_no_open_file_and_no_zombie(gateway: Supervised) -> None:
    gateway.start(backoff_first_s=0.01, stable_s=0.01)
    folder = Path(f"/proc/{gateway.pid}/fd")
    before = len(list(folder.iterdir()))
    for _ in range(3):
        pid = gateway.workers()[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        _replaced(gateway, pid)
    until(lambda: len(list(folder.iterdir())) <= before, "as few open files as before")
    children = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split()
    assert set(gateway.pids()) <= set(map(int, children))
    # And the process that keeps the store of several workers.
    assert len(children) == len(gateway.pids()) + 1


def test_a_worker_holds_only_the_sockets_of_its_own_slot(gateway: Supervised) -> None:
    gateway.write(workers=3)
    gateway.start()
    for worker in gateway.workers().values():
        assert _listening(worker["pid"]) == 1
    assert _listening(gateway.pid) == 3


def _listening(pid: int) -> int:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {fields[9] for line in lines if (fields := line.split())[3] == "0A"}
    links = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(each))
        except FileNotFoundError:
            pass
    return sum(link in {f"socket:[{inode}]" for inode in inodes} for link in links)
