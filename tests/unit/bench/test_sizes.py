"""Sizes, memory and goals: what scenarios share."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

import pytest

from bench.goals import goal, spread
from bench.memory import MIB, executed_s, forget_peak, peak_bytes, rss_bytes
from bench.results import Result
from bench.scenarios.idle import files
from bench.sizes import SIZES, size


def test_a_size_is_what_the_environment_says_or_else_the_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert size("IDLE") == SIZES["IDLE"] == 10_000
    monkeypatch.setenv("BENCH_IDLE", "7")
    assert size("IDLE") == 7


@pytest.mark.parametrize("written", ["0", "-1", "many"])
def test_a_size_that_is_no_number_from_one_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("BENCH_ROUTES", written)
    with pytest.raises(ValueError, match=r"BENCH_ROUTES|invalid literal"):
        size("ROUTES")


def test_the_peak_of_memory_is_seen_after_it_was_given_back() -> None:
    pid = os.getpid()
    forget_peak(pid)
    before = rss_bytes(pid)
    held = bytearray(64 * MIB)
    held[:] = b"x" * len(held)
    del held
    assert peak_bytes(pid) - before > 60 * MIB


def test_a_process_was_made_before_it_answered() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        made = executed_s(process.pid)
        process.communicate(b"\n")
    assert before - 0.02 <= made <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_files_are_allowed_for_a_while() -> None:
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(soft + 1, hard)
    with files(wanted) as most:
        assert most >= wanted
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_a_goal_is_a_sentence_and_a_figure() -> None:
    result = Result("routes", "Many routes")
    goal(result, "G5", "at most 5 % slower", False, "7.0% slower")
    assert result.notes == ["Goal G5 (at most 5 % slower): 7.0% slower, missed."]
    assert result.measured["goals"] == [
        {"goal": "G5", "what": "at most 5 % slower", "measured": "7.0% slower", "reached": False}
    ]


def test_a_spread_is_told_only_where_there_is_one() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2 (1–3)"
    assert spread([1.25], 2) == "1.25"
