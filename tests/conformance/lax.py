"""Services that read requests as carelessly as servers in the field have been seen to, each in a manner of its own.

They take bare LF for a line end, folded lines, spaces before a colon, underscores for hyphens, any word with `chunked`
in it for a coding, the first or the last of several lengths, both framings at once, chunk sizes with anything behind
them, and HTTP/0.9. What they have in common with a strict service is only what a clean message means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from portico.testing import Link


@dataclass(frozen=True, slots=True)
class Manner:
    """How two framings, several lengths and odd codings are settled."""

    name: str
    last_length: bool = False  # of several; else the first
    coding_wins: bool = True  # over a length
    any_coding: bool = False  # Transfer-Encoding means chunked, whatever it says
    bare_cr: bool = False  # ends a line, too


MANNERS = (
    Manner("first-length-coding-wins"),
    Manner("last-length-length-wins", last_length=True, coding_wins=False),
    Manner("first-length-length-wins", coding_wins=False, any_coding=True),
    Manner("bare-cr-any-coding", last_length=True, any_coding=True, bare_cr=True),
)


@dataclass(frozen=True, slots=True)
class Read:
    """A request, as far as it decides where the next one begins."""

    line: bytes  # method SP target
    body: bytes


def read(data: bytes, manner: Manner) -> tuple[Read, bytes] | None:
    """The request at the start of `data`, and what stands behind it; None while it is not whole."""
    lines: list[bytes] = []
    rest = data
    while True:
        line, rest, ended = _line(rest, manner)
        if not ended:
            return None
        if not line and lines:
            break
        if line[:1] in (b" ", b"\t") and len(lines) > 1:
            lines[-1] += line
        elif line:
            lines.append(line)
            if len(line.split()) == 2 and len(lines) == 1:
                return Read(line, b""), rest  # HTTP/0.9 has no fields
    words = lines[0].split()
    body, rest_or_none = _body(_fields(lines[1:]), rest, manner)
    return None if rest_or_none is None else (Read(b" ".join(words[:2]), body), rest_or_none)


def _line(data: bytes, manner: Manner) -> tuple[bytes, bytes, bool]:
    found = re.search(rb"\r\n|\n|\r" if manner.bare_cr else rb"\r?\n", data)
    if found is None:
        return b"", data, False
    return data[: found.start()], data[found.end() :], True


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    fields = []
    for line in lines:
        name, _, value = line.partition(b":")
        name = re.sub(rb"[^a-z0-9-]", b"", name.lower().replace(b"_", b"-").replace(b" ", b"-").strip(b"-"))
        fields.append((name, value))
    return fields


def _body(fields: list[tuple[bytes, bytes]], rest: bytes, manner: Manner) -> tuple[bytes, bytes | None]:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    chunked = any(b"chunked" in coding or manner.any_coding for coding in codings)
    if chunked and (manner.coding_wins or not lengths):
        return _chunks(rest, manner)
    digits = re.search(rb"\d+", lengths[-1 if manner.last_length else 0]) if lengths else None
    size = int(digits[0]) if digits else 0
    return (rest[:size], rest[size:]) if len(rest) >= size else (b"", None)


def _chunks(rest: bytes, manner: Manner) -> tuple[bytes, bytes | None]:
    body = b""
    while True:
        line, rest, ended = _line(rest, manner)
        if not ended:
            return b"", None
        digits = re.match(rb"\s*(?:0x)?([0-9a-fA-F]*)", line)
        size = int(digits[1] or b"0", 16) if digits else 0
        if not size:
            break
        if len(rest) < size + 2:
            return b"", None
        body, rest = body + rest[:size], rest[size:].removeprefix(b"\r").removeprefix(b"\n")
    while line:
        line, rest, ended = _line(rest, manner)
        if not ended:
            return b"", None
    return body, rest


@dataclass
class LaxService:
    """Answers each request that it sees in the bytes, and remembers it."""

    manner: Manner
    seen: list[Read] = field(default_factory=list)

    async def script(self, link: Link) -> None:
        """For `Upstream`."""
        data = b""
        while True:
            found = read(data, self.manner)
            if found is None:
                data += await link.at_least(1)
                continue
            request, data = found
            self.seen.append(request)
            body = b"" if request.line.startswith(b"HEAD ") else request.line
            link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    def take(self) -> list[Read]:
        """What has been seen since last time."""
        seen, self.seen = self.seen, []
        return seen
