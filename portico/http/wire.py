"""HTTP/1.1 as bytes: status lines, where heads end, chunks, and the trailers that may follow them (RFC 9112 sections
2, 4 and 7)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from portico.exchange.fields import Field, Keep, render

from .reserved import is_reserved

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {
    103: "Early Hints",
    413: "Content Too Large",
    422: "Unprocessable Content",
}


def _line(status: int) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (status, _REASONS.get(status, "").encode())


# The reason phrase is ours: a service's words may hold anything, and clients ignore them (RFC 9112 section 4).
STATUS_LINES: tuple[bytes, ...] = tuple(_line(status) for status in range(600))

_EMPTY_LINE: Final = b"\r\n\r\n"


def empty_line_end(before: bytes, data: bytes, start: int) -> int:
    """Where the next empty line ends in `data`, from `start` on; the end of `data` when there is none.

    `before` is what was received last, of which three bytes count. Every head ends with one.
    """
    if before:
        before = before[-3:]
        at = (before + data[start : start + 3]).find(_EMPTY_LINE)
        if at >= 0:
            return start + at + 4 - len(before)
    at = data.find(_EMPTY_LINE, start)
    return len(data) if at < 0 else at + 4


LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk around `data`, which must not be empty: an empty chunk ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


# RFC 9110 section 6.5.1: fields that frame, route, authenticate or change the meaning of a message do not belong
# into trailers, and a service that merges them into its headers must not be fooled by them.
_NEVER_A_TRAILER = frozenset(
    {
        b"transfer-encoding",
        b"content-length",
        b"content-encoding",
        b"content-type",
        b"content-range",
        b"host",
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"upgrade",
        b"te",
        b"trailer",
        b"authorization",
        b"proxy-authorization",
        b"proxy-authenticate",
        b"www-authenticate",
        b"cookie",
        b"set-cookie",
        b"cache-control",
        b"expect",
        b"max-forwards",
        b"range",
        b"age",
        b"date",
        b"expires",
        b"location",
        b"vary",
        b"retry-after",
        b"forwarded",
        b"via",
    }
)


def _may_trail(name: bytes) -> bool:
    return name not in _NEVER_A_TRAILER and not name.startswith(b"if-") and not is_reserved(name)


_TRAILERS = Keep(_may_trail)


def last_chunk(trailers: list[Field]) -> bytes:
    """The end of a chunked body, with those trailers that may be forwarded."""
    if not trailers:
        return LAST_CHUNK
    return b"0\r\n%b\r\n" % render([field for field in trailers if _TRAILERS[field[0]]])


def chunks(data: bytes, end: bool, trailers: list[Field]) -> bytes:
    """A piece of a chunked body, and with `end` its end; an empty piece is no chunk."""
    if not end:
        return chunk(data) if data else b""
    return chunk(data) + last_chunk(trailers) if data else last_chunk(trailers)
