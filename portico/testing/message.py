"""A strict reader of HTTP/1.1 messages that shares nothing with the gateway's (RFC 9112, to the letter).

It takes one canonical spelling and refuses everything else: what the gateway writes has to be beyond doubt. Both
readers return None while the message is not complete, and raise Malformed when it never can be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Field = tuple[bytes, bytes]

_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*").fullmatch
_REQUEST_LINE = re.compile(rb"([A-Z-]+) ([\x21-\x7e]+) HTTP/1\.([01])").fullmatch
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([^\x00-\x08\x0a-\x1f\x7f]*)").fullmatch
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}").fullmatch


class Malformed(AssertionError):
    """Bytes that are no well-formed message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Field names are in lower case; `raw` is all of it as it was on the wire."""

    start: bytes
    fields: tuple[Field, ...]
    body: bytes = b""
    trailers: tuple[Field, ...] = ()
    chunks: tuple[int, ...] | None = None  # sizes, None when the body was not chunked
    raw: bytes = field(default=b"", repr=False)

    @property
    def method(self) -> bytes:
        """Of a request."""
        return self.start.split(b" ")[0]

    @property
    def target(self) -> bytes:
        """Of a request."""
        return self.start.split(b" ")[1]

    @property
    def status(self) -> int:
        """Of a reply."""
        return int(self.start.split(b" ")[1])

    def all(self, name: bytes) -> list[bytes]:
        """Every value of the field `name` (lower case)."""
        return [value for known, value in self.fields if known == name]

    def get(self, name: bytes) -> bytes | None:
        """The only value of the field `name`, or None. A doubled field is an AssertionError."""
        values = self.all(name)
        if len(values) > 1:
            raise AssertionError(f"{name!r} stands {len(values)} times in {self.start!r}")
        return values[0] if values else None

    @property
    def names(self) -> set[bytes]:
        """The names of its fields."""
        return {name for name, _ in self.fields}


def read_request(data: bytes) -> Message | None:
    """The request at the start of `data`. Raises Malformed."""
    head = _head(data)
    if head is None:
        return None
    start, fields, size = head
    if _REQUEST_LINE(start) is None:
        raise Malformed(f"request line {start!r}")
    return _with_body(data, start, fields, size, bodiless=False, until_end=False, ended=False)


def read_reply(data: bytes, *, to: bytes = b"GET", ended: bool = False) -> Message | None:
    """The reply at the start of `data` to a request with method `to`. Raises Malformed.

    `ended`: the connection has ended, so a body that ends with it is whole.
    """
    head = _head(data)
    if head is None:
        return None
    start, fields, size = head
    found = _STATUS_LINE(start)
    if found is None:
        raise Malformed(f"status line {start!r}")
    status = int(found[2])
    bodiless = to == b"HEAD" or status < 200 or status in (204, 304)
    return _with_body(data, start, fields, size, bodiless=bodiless, until_end=True, ended=ended)


def _head(data: bytes) -> tuple[bytes, tuple[Field, ...], int] | None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    start, *lines = data[:end].split(b"\r\n")
    return start, tuple(_field(line) for line in lines), end + 4


def _field(line: bytes) -> Field:
    found = _FIELD(line)
    if found is None:
        raise Malformed(f"field line {line!r}")
    return found[1].lower(), found[2]


def _with_body(
    data: bytes,
    start: bytes,
    fields: tuple[Field, ...],
    size: int,
    *,
    bodiless: bool,
    until_end: bool,
    ended: bool,
) -> Message | None:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise Malformed(f"framed more than once: {fields!r}")
    if lengths and not lengths[0].isdigit():
        raise Malformed(f"content-length {lengths[0]!r}")
    if codings and codings[0] != b"chunked":
        raise Malformed(f"transfer-encoding {codings[0]!r}")
    if bodiless:
        return Message(start, fields, raw=data[:size])
    if codings:
        return _chunked(data, start, fields, size)
    if lengths:
        end = size + int(lengths[0])
        if len(data) < end:
            return None
        return Message(start, fields, data[size:end], raw=data[:end])
    if until_end:
        return Message(start, fields, data[size:], raw=data) if ended else None
    return Message(start, fields, raw=data[:size])


def _chunked(data: bytes, start: bytes, fields: tuple[Field, ...], at: int) -> Message | None:
    parts: list[bytes] = []
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        if _CHUNK_SIZE(data[at:end]) is None:
            raise Malformed(f"chunk size {data[at:end]!r}")
        size = int(data[at:end], 16)
        at = end + 2
        if size == 0:
            break
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != b"\r\n":
            raise Malformed(f"no line end behind a chunk of {size} bytes")
        parts.append(data[at : at + size])
        at += size + 2
    trailers: list[Field] = []
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        line, at = data[at:end], end + 2
        if not line:
            break
        trailers.append(_field(line))
    sizes = tuple(map(len, parts))
    return Message(start, fields, b"".join(parts), tuple(trailers), sizes, raw=data[:at])
