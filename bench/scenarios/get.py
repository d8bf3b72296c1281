"""A small GET with a token, as fast as it goes: the main table."""

from __future__ import annotations

from bench.results import Result
from bench.runner import CONNECTIONS, Bench
from bench.service import BODY
from bench.throughput import compare

NAME = "get"
TITLE = "Small GET, one core"


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    compare(bench, result, method="GET")
    result.notes.append(
        f"GET with a bearer token over {CONNECTIONS} keep-alive connections; the answer is a JSON of {len(BODY)} bytes."
    )
    return result
