"""Figures of this very process."""

from __future__ import annotations

import gc
import os
import time

import pytest

from portico.observe import vitals


def test_memory_grows_by_what_is_taken() -> None:
    before = vitals.memory_bytes()
    block = bytearray(os.urandom(1 << 16) * 512)  # 32 MiB, written to
    after = vitals.memory_bytes()
    assert before is not None
    assert after is not None
    assert after[0] - before[0] > len(block) // 2
    assert after[1] > after[0]


def test_an_open_file_is_counted() -> None:
    before = vitals.open_files()
    with open(os.devnull, "rb"):
        during = vitals.open_files()
    assert before is not None
    assert during == before + 1
    assert before < vitals.file_limit()


def test_times_are_those_of_the_process() -> None:
    assert 0 < vitals.cpu_s() <= vitals.cpu_s()
    assert 0 < vitals.started_s() <= time.time()


def test_collections_are_counted_by_generation() -> None:
    before = {labels: count for (labels,), count in vitals.collections()}
    gc.collect()
    after = {labels: count for (labels,), count in vitals.collections()}
    assert after["2"] > before["2"]
    assert [labels for (labels,), _ in vitals.collected()] == ["0", "1", "2"]
    assert [labels for (labels,), _ in vitals.uncollectable()] == ["0", "1", "2"]


def test_without_proc_a_figure_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("os.listdir", refuse)
    assert vitals.memory_bytes() is None
    assert vitals.open_files() is None
