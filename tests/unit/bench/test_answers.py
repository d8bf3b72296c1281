"""A turn counts only if every answer was a good one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.answers import check_answer, check_log
from bench.claims import make_token
from bench.load import judged, script
from bench.processes import Broken, cpu_s, free_port, memory_bytes, tree
from bench.scenarios.post import SIZE, payload

GOOD = {
    "requests": 100,
    "us": 2_000_000,
    "bytes": 20_000,
    "bad": 0,
    "broken": 0,
    "p50_us": 900,
    "p99_us": 2000,
}


def test_a_turn_of_good_answers_counts() -> None:
    load = judged(GOOD, 157)
    assert (load.requests, load.seconds, load.rate) == (100, 2.0, 50.0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bad": 1}, "1 answers were errors"),
        ({"broken": 2}, "2 were cut or late"),
        ({"bytes": 15_699}, "too few"),
        ({"requests": 0}, "too few"),
    ],
)
def test_a_turn_with_any_other_does_not(wrong: dict[str, int], told: str) -> None:
    with pytest.raises(Broken, match=told):
        judged(GOOD | wrong, 157)


def test_the_posted_body_is_json_of_its_size_and_survives_lua() -> None:
    body = payload()
    assert len(body) == SIZE == 1024
    assert json.loads(body)["priority"] == "high"
    assert f"wrk.body = {json.dumps(body.decode())}" in script("POST", body)
    assert "wrk.body" not in script("GET", None)


def test_nobody_there_is_broken() -> None:
    port = free_port()
    with pytest.raises(Broken, match="does not answer GET"):
        check_answer(port, make_token())


def test_a_log_must_have_json_in_it(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b'{"level":"info"}\n')
    check_log(log)
    log.write_bytes(b"127.0.0.1 - - GET /\n")
    with pytest.raises(Broken, match="is no JSON"):
        check_log(log)


def test_the_time_and_memory_of_a_process_are_read() -> None:
    own = [os.getpid()]
    assert tree(own[0])[0] == own[0]
    assert cpu_s(own) > 0
    assert memory_bytes(own) > 1_000_000
    assert cpu_s([2**22 + 1]) == 0
