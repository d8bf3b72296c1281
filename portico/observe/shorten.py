"""Log lines cut to a length: a JSON line stays valid JSON, a text line stays one line.

For lines that must arrive in one piece (see `sink`). The longest texts are cut first, so that what identifies a
request survives.
"""

from __future__ import annotations

import json
from typing import Any

_KEPT = ("level", "time", "context", "requestId", "statusCode", "event", "msg")
_SHORT = 16  # characters that a cut text keeps at least
_MARK = "…"
_RESET = b"\x1b[0m"


def shorten(line: bytes, limit: int) -> bytes:
    """`line` in at most `limit` bytes, its newline included. `limit` is at least 1024."""
    if len(line) <= limit:
        return line
    if line.startswith(b"{"):
        return _shorten_json(json.loads(line), limit)
    text = line[: limit - len(_RESET) - 4].decode("utf-8", "ignore").rstrip("\n").replace("\n", " ")
    return text.encode() + _MARK.encode() + _RESET + b"\n"


def _shorten_json(entry: dict[str, Any], limit: int) -> bytes:
    allowed = limit // 2
    while allowed >= _SHORT:
        line = _dump(_cut(entry, allowed))
        if len(line) <= limit:
            return line
        allowed //= 2
    # So many fields that short ones are too much as well.
    return _dump(_cut({name: entry[name] for name in _KEPT if name in entry}, _SHORT))


def _cut(value: Any, allowed: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= allowed else value[:allowed] + _MARK
    if isinstance(value, dict):
        return {name[:allowed]: _cut(item, allowed) for name, item in value.items()}
    if isinstance(value, list):
        return [_cut(item, allowed) for item in value]
    return value


def _dump(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
