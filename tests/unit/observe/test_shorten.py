"""Long lines are cut, and stay what they were."""

from __future__ import annotations

import json

from portico.observe.shorten import shorten


def test_a_line_that_fits_is_left_alone() -> None:
    line = b'{"a":1}\n'
    assert shorten(line, 4096) is line


def test_a_long_json_line_keeps_its_short_texts() -> None:
    entry = {"level": "info", "requestId": "req_1", "url": "/" + "é" * 5000, "headers": {"x": "y" * 3000}}
    line = shorten(json.dumps(entry).encode() + b"\n", 4096)
    cut = json.loads(line)
    assert len(line) <= 4096
    assert line.endswith(b"}\n")
    assert cut["requestId"] == "req_1"
    assert cut["url"].startswith("/éé")
    assert cut["url"].endswith("…")


def test_a_line_of_too_many_fields_keeps_what_identifies_it() -> None:
    entry = {
        "level": "info",
        "requestId": "r",
        "headers": {f"h{n}": ["x" * 100] for n in range(500)},
        "msg": "m",
    }
    cut = json.loads(shorten(json.dumps(entry).encode() + b"\n", 1024))
    assert cut == {"level": "info", "requestId": "r", "msg": "m"}


def test_a_long_text_line_stays_one_line_and_ends_its_colour() -> None:
    line = shorten(b"\x1b[31m" + "é".encode() * 3000 + b"\n", 4096)
    assert len(line) <= 4096
    assert line.endswith("é…\x1b[0m\n".encode())
    assert line.count(b"\n") == 1
