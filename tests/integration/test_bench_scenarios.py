"""Scenarios of the benchmark at a size that says nothing about speed: they run, check their answers, and judge."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.claims import make_token
from bench.peers import chosen
from bench.processes import Broken
from bench.runner import Bench
from bench.scenarios import idle, reload, store
from bench.service import serving

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("nginx", "wrk", "taskset"))), reason="needs nginx, wrk and taskset"
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with TemporaryDirectory(prefix="bench-") as folder, serving(Path(folder)) as service:
        yield Bench(Path(folder), service, make_token(), chosen(["portico-everything"]), rounds=1, seconds=1)


def test_idle_connections_are_held_and_weighed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_IDLE", "20")
    monkeypatch.setenv("BENCH_STARTS", "1")
    result = idle.run(bench)
    assert not result.failed
    measured = result.measured["portico-everything"]
    assert measured["connections"] == 20
    assert measured["held_bytes"] >= measured["rest_bytes"] > 0
    assert 0 < measured["start_cpu_s"][0] <= measured["start_s"][0] + 0.1
    assert len(result.measured["goals"]) == 3


def test_reloads_happen_under_load_and_are_judged(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_RELOADS", "3")
    result = reload.run(bench)
    assert not result.failed
    measured = result.measured["portico-everything"]
    assert measured["reload_s"]
    assert measured["memory_bytes"]["reloads"] == [0, 1, 2, 3]
    assert len(result.measured["goals"]) == 4


def test_a_reload_that_changes_nothing_is_no_reload(bench: Bench) -> None:
    (peer,) = bench.peers
    with bench.start(peer) as running, pytest.raises(Broken, match="changed nothing"):
        reload._reload(running, peer.configure(running.setup))


def test_what_fails_is_named_and_does_not_end_the_run(bench: Bench) -> None:
    lost = replace(bench, service=replace(bench.service, port=1))
    assert "with 503" in reload.run(lost).failed["portico-everything"]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_a_store_in_redis_is_measured_beside_memory(bench: Bench) -> None:
    result = store.run(bench)
    assert not result.failed
    measured = result.measured["portico-everything"]
    assert all(rate > 0 for where in ("memory", "Redis") for rate in measured[where]["requests_per_s"])
    assert [goal["goal"] for goal in result.measured["goals"]] == ["G4"]
