"""A request as a log line, put together in one go from parts that are escaped because clients choose them.

JSON lines are pure ASCII: quotes, control characters and everything beyond `~` are escaped, so that nobody can
forge a line or repaint a terminal, also where readers split lines at U+2028. Text lines show what is not printable
as an escape. Names of secrets hide their values (`redaction`). Field names are requirement 12.2's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote
from time import time
from typing import Any

from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity

from .redaction import Redaction
from .sink import PIECE_BYTES
from .text import SEVERITY, Level, coloured
from .writer import LogWriter

_REMEMBERED = 4096
# A target longer than this is cut where a line must arrive in one piece: it stands in `url` and again in `msg`.
_LONG = PIECE_BYTES // 4

# What stands inside a JSON string as it is.
_AS_IT_IS = bytes(code for code in range(0x21, 0x7F) if code not in b'"\\')
_THOUSANDTHS = tuple(b"%03d" % number for number in range(1000))
_LEVELS: dict[str, bytes] = {level: level.encode() for level in SEVERITY}


class Remembered(dict[bytes, bytes]):
    """Bytes → how they stand in a line. Bounded, since clients choose them; it starts anew when full."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, raw: bytes) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        text = self[raw] = self._make(raw)
        return text


class _Lines:
    """What both forms need. One object per route; `headers` puts header fields into the lines."""

    __slots__ = ("_headers", "_redaction", "_requests", "_writer")

    def __init__(self, redaction: Redaction, writer: LogWriter, headers: bool, requests: bool) -> None:
        self._redaction = redaction
        self._writer = writer
        self._headers = headers
        self._requests = requests

    def _target(self, x: Exchange) -> str:
        """The target as text, secrets hidden, not yet escaped."""
        request = x.request
        target = request.target
        # Refused before it was taken apart, or not in the usual form: look at all of it.
        hidden = not request.path or target[0] != 47
        if request.query and not hidden:
            hidden = self._redaction.query_hides(request.query)
        if len(target) > _LONG and self._writer.stream:
            target = target[:_LONG] + b"..."
        text = target.decode("utf-8", "backslashreplace")
        return self._redaction.text(text) if hidden else text

    def _extra(self, x: Exchange, ended: bool) -> dict[str, Any]:
        """What is in few lines: header fields, the values of the route's pattern."""
        extra: dict[str, Any] = {}
        if self._headers:
            if ended and x.reply is not None:
                extra["headers"] = self._redaction.fields([*x.reply.fields, *x.reply.constant.fields])
            if not ended:
                extra["headers"] = self._redaction.fields(x.request.fields)
            elif not self._requests:
                extra["requestHeaders"] = self._redaction.fields(x.request.fields)
        if x.params and not ended:
            extra["params"] = self._redaction.value(x.params)
        return extra


class JsonLines(_Lines):
    """One JSON object a line, put together as bytes: nothing that clients chose is text before it is escaped."""

    __slots__ = ("_addresses", "_callers", "_methods", "_route")

    def __init__(
        self,
        route: str,
        service: str,
        redaction: Redaction,
        writer: LogWriter,
        headers: bool,
        requests: bool,
    ) -> None:
        super().__init__(redaction, writer, headers, requests)
        told = f'"route":{quote(route)},' + (f'"service":{quote(service)},' if service else "")
        self._route = told.encode()
        self._methods = Remembered(_inner)
        self._addresses = Remembered(_inner)
        self._callers: dict[tuple[str, str | None], bytes] = {}

    def request(self, x: Exchange) -> bytes:
        """That it has begun."""
        url = self._url(x)
        method = self._methods[x.request.method]
        return (
            b'{"level":"info","time":%d,"context":"request","requestId":"%b","method":"%b","url":"%b",'
            b'"ip":"%b",%b%b"msg":"%b %b"}\n'
        ) % (
            int(time() * 1000),
            _id(x),
            method,
            url,
            self._addresses[x.client],
            self._route,
            _members(self._extra(x, False)),
            method,
            url.partition(b"?")[0],
        )

    def response(self, x: Exchange, level: Level, status: int, seconds: float) -> bytes:
        """That it has ended, and how."""
        method = self._methods[x.request.method]
        url = self._url(x)
        extra = b"" if x.failure is None else _failure(x.failure)
        if x.request.scheme == b"https":
            extra += b'"scheme":"https",'
        caller = x.identity
        if caller is not None:
            known = self._callers.get((caller.subject, caller.tenant))
            extra += self._meet(caller) if known is None else known
        if x.venue is not None:
            extra += b'"venueId":%b,' % quote(x.venue.id).encode()
        if self._headers:
            extra += _members(self._extra(x, True))
        return (
            b'{"level":"%b","time":%d,"context":"response","requestId":"%b","method":"%b","url":"%b",'
            b'"ip":"%b","statusCode":%d,"responseTime":%b,"bytes":%d,%b%b"msg":"%b %b - %d"}\n'
        ) % (
            _LEVELS[level],
            int(time() * 1000),
            _id(x),
            method,
            url,
            self._addresses[x.client],
            status,
            _milliseconds(seconds),
            x.reply_bytes,
            self._route,
            extra,
            method,
            url.partition(b"?")[0],
            status,
        )

    def slow(self, x: Exchange, status: int, seconds: float) -> bytes:
        """That it took long."""
        return (
            b'{"level":"warn","time":%d,"context":"performance","metric":"slow_request","requestId":"%b",'
            b'"method":"%b","url":"%b","statusCode":%d,"responseTime":%b,%b"msg":"slow request"}\n'
        ) % (
            int(time() * 1000),
            _id(x),
            self._methods[x.request.method],
            self._url(x),
            status,
            _milliseconds(seconds),
            self._route,
        )

    def _url(self, x: Exchange) -> bytes:
        """The target as it stands inside a JSON string, secrets hidden."""
        request = x.request
        target = request.target
        if (
            not request.query
            and request.path == target
            and len(target) <= _LONG
            and not target.strip(_AS_IT_IS)
        ):
            return target  # by far the most are
        return quote(self._target(x))[1:-1].encode()

    def _meet(self, caller: Identity) -> bytes:
        """The members that name a caller, remembered for the next line."""
        if len(self._callers) >= _REMEMBERED:
            self._callers.clear()
        named = {"userId": caller.subject}
        if caller.tenant is not None:
            named["tenantId"] = caller.tenant
        text = self._callers[(caller.subject, caller.tenant)] = _members(named)
        return text


class TextLines(_Lines):
    """One coloured line of text, for people."""

    __slots__ = ("_route", "_service")

    def __init__(
        self,
        route: str,
        service: str,
        redaction: Redaction,
        writer: LogWriter,
        headers: bool,
        requests: bool,
    ) -> None:
        super().__init__(redaction, writer, headers, requests)
        self._route = route
        self._service = service

    def request(self, x: Exchange) -> bytes:
        """That it has begun."""
        notes = {"ip": x.client.decode("latin-1"), **self._extra(x, False)}
        return self._line("info", x, "", notes)

    def response(self, x: Exchange, level: Level, status: int, seconds: float) -> bytes:
        """That it has ended, and how."""
        caller, failure = x.identity, x.failure
        notes = {
            "user": None if caller is None else caller.subject,
            "tenant": None if caller is None else caller.tenant,
            "venue": None if x.venue is None else x.venue.id,
            "service": self._service,
            "scheme": "https" if x.request.scheme == b"https" else None,
            "failure": None if failure is None else failure.code,
            "detail": None if failure is None else failure.detail,
            "bytes": x.reply_bytes,
            "ip": x.client.decode("latin-1"),
            **self._extra(x, True),
        }
        return self._line(level, x, f" - {status} {seconds * 1000:.1f}ms", notes)

    def slow(self, x: Exchange, status: int, seconds: float) -> bytes:
        """That it took long."""
        return self._line("warn", x, f" - {status} was slow: {seconds * 1000:.1f}ms", {})

    def _line(self, level: Level, x: Exchange, told: str, notes: dict[str, Any]) -> bytes:
        notes = {**notes, "route": self._route, "id": x.request_id.decode("latin-1")}
        method = x.request.method.decode("latin-1")
        return coloured(level, time(), f"{method} {self._target(x)}{told}", notes).encode()


def _milliseconds(seconds: float) -> bytes:
    micros = int(seconds * 1e6 + 0.5)
    return b"%d.%b" % (micros // 1000, _THOUSANDTHS[micros % 1000])


def _id(x: Exchange) -> bytes:
    return _inner(x.request_id) if x.request_id.strip(_AS_IT_IS) else x.request_id


def _inner(raw: bytes) -> bytes:
    """Bytes as they stand inside a JSON string."""
    return quote(raw.decode("utf-8", "backslashreplace"))[1:-1].encode()


def _members(values: dict[str, Any]) -> bytes:
    """The members of a JSON object, each followed by a comma."""
    return json.dumps(values, separators=(",", ":"))[1:-1].encode() + b"," if values else b""


def _failure(failure: Failure) -> bytes:
    told = {"failure": failure.code, "side": failure.side.value}
    if failure.detail:
        told["detail"] = failure.detail
    return _members(told)
