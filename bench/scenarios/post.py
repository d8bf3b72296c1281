"""A POST with 1 KiB of JSON and a token, as fast as it goes."""

from __future__ import annotations

import json

from bench.results import Result
from bench.runner import CONNECTIONS, Bench
from bench.service import BODY
from bench.throughput import compare

NAME = "post"
TITLE = "POST with 1 KiB of JSON, one core"
SIZE = 1024


def payload() -> bytes:
    """A JSON object of exactly SIZE bytes."""
    fields = {"title": "a ticket with a title", "priority": "high", "text": ""}
    fields["text"] = "x" * (SIZE - len(json.dumps(fields)))
    return json.dumps(fields).encode()


def run(bench: Bench) -> Result:
    result = Result(NAME, TITLE)
    compare(bench, result, method="POST", body=payload())
    result.notes.append(
        f"POST of {SIZE} bytes over {CONNECTIONS} keep-alive connections; the answer is a JSON of {len(BODY)} bytes."
    )
    return result
