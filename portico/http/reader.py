"""Bytes from a client become requests: the parser's side of a connection, without any connection.

Parser callbacks only record. `feed` parses one slice; afterwards `queue` holds the requests whose head has become
complete, each with its verdict, `reading` the one whose end has not been seen, and `failure` what the client is told
once the queue is answered, because what followed cannot be read. Header and framing bytes are counted on the wire:
llhttp bounds neither a head nor a chunk's extensions.

The parser does not tell where a message begins. So it is given pieces, and every message that is served begins with
one: its request line is compared where it stands and nowhere else.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

import httptools

from portico.exchange.failure import BAD_REQUEST, FIELDS_TOO_LARGE, TARGET_TOO_LONG, Failure
from portico.exchange.request import Request

from .framing import NAMES, check
from .wire import empty_line_end

# Bytes on the wire that are not body: chunk heads, extensions, trailers. One-byte chunks cost six for one.
FRAMING_SLACK = 65536
FRAMING_FACTOR = 8

_ELSEWHERE: Final = (
    b" "  # for the bytes of a head that has not begun with a piece: no request line begins like this
)


class Bounds(Protocol):
    """On heads, in bytes and fields."""

    header_bytes: int
    header_count: int
    target_bytes: int


class RequestReader:
    """Reads the requests of one connection. `feed` may be called until `failure` is set."""

    __slots__ = ("_bounds", "_parser", "_raw", "_scheme", "_wire", "failure", "queue", "reading")

    def __init__(self, bounds: Bounds, scheme: bytes) -> None:
        self._bounds = bounds
        self._scheme = scheme
        self._parser: httptools.HttpRequestParser | None = self._new_parser()
        self.queue: deque[Request] = deque()
        self.failure: Failure | None = None
        self.reading: Request | None = None
        self._raw = b""  # what was received of an incomplete head
        self._wire = 0  # bytes of the message so far

    def close(self) -> None:
        """Let go. The parser holds our bound methods: without this every connection is a cycle for gc."""
        self._parser = None
        self.reading = None
        self.queue.clear()

    # -- parsing: callbacks record

    def on_message_begin(self) -> None:
        self.reading = Request()

    def on_url(self, url: bytes) -> None:
        self.reading.target += url  # type: ignore[union-attr]

    def on_header(self, name: bytes, value: bytes) -> None:
        request: Request = self.reading  # type: ignore[assignment]
        value = value.rstrip(b" \t")  # no part of it (RFC 9110 section 5.5), and llhttp leaves it
        if request.head_complete:
            if len(request.trailers) >= self._bounds.header_count:
                self.fail(FIELDS_TOO_LARGE)
                raise ValueError(
                    "too many trailers"
                )  # stops the parser: the request must not become complete
            request.trailers.append((NAMES[name][0], value))
            return
        known, kind = NAMES[name]
        request.fields.append((known, value))
        if kind:
            request.special.append((kind, value))

    def on_headers_complete(self) -> None:
        request: Request = self.reading  # type: ignore[assignment]
        parser: httptools.HttpRequestParser = self._parser  # type: ignore[assignment]
        request.method = parser.get_method()
        if (version := parser.get_http_version()) != "1.1":
            request.version = version.encode()
        request.keep_alive = parser.should_keep_alive()
        request.scheme = self._scheme
        request.head_complete = True
        self.queue.append(request)

    def on_body(self, data: bytes) -> None:
        request: Request = self.reading  # type: ignore[assignment]
        request.parts.append(data)
        request.body_bytes += len(data)

    def on_message_complete(self) -> None:
        self.reading.complete = True  # type: ignore[union-attr]
        self.reading = None

    def feed(self, data: bytes) -> bytes:
        """Parse one slice; returns what stands behind an upgrade, for a parser that begins anew."""
        start, size = 0, len(data)
        while start < size and (end := self._possible_end(data, start)) > start:
            upgraded_at = self._feed_piece(data[start:end])
            if upgraded_at >= 0:
                return data[start + upgraded_at :]
            if self.failure is not None or (
                self.reading is None and self.queue and not self.queue[-1].keep_alive
            ):
                break  # nothing behind it is read
            start = end
        return b""

    def _possible_end(self, data: bytes, start: int) -> int:
        """Where in `data`, from `start` on, the head or the message can end that is read or begins there."""
        reading = self.reading
        if reading is None or not reading.head_complete:
            return empty_line_end(self._raw, data, start)
        if reading.refusal is not None:
            return len(data)  # nothing behind it is served
        if reading.chunked:
            return _next_line(data, start)
        return min(len(data), start + (reading.length or 0) - reading.body_bytes)

    def _feed_piece(self, piece: bytes) -> int:
        """Parse what is of one message; returns where in it an upgrade ends the parser's work, or -1."""
        queue = self.queue
        queued = len(queue)
        before = self.reading
        raw = self._raw + piece if self._raw else piece
        if before is not None and before.head_complete:
            raw = _ELSEWHERE  # what begins behind a body, in one piece with it, has no line of HTTP/x.x
        self._wire += len(piece)
        upgraded_at = -1
        try:
            self._parser.feed_data(piece)  # type: ignore[union-attr]
        except httptools.HttpParserUpgrade as upgrade:
            upgraded_at = upgrade.args[0]
            self._parser = self._new_parser()
        except httptools.HttpParserError as error:
            self._parse_failed(error)
        if len(queue) > queued:
            self._judge(queue, queued, raw, upgraded_at >= 0)
            if upgraded_at >= 0 and queue[-1].has_body and queue[-1].refusal is None:
                self._go_on_with(queue[-1])
        reading = self.reading
        if reading is None:
            self._wire = 0
            self._raw = b""
            return upgraded_at
        if reading is not before:
            self._wire = len(piece)  # at most
        bounds = self._bounds
        if not reading.head_complete:
            self._raw = raw
            if len(reading.target) > bounds.target_bytes:
                self.fail(TARGET_TOO_LONG)
            elif (
                self._wire > bounds.header_bytes + bounds.target_bytes
                or len(reading.fields) > bounds.header_count
            ):
                self.fail(FIELDS_TOO_LARGE)
        else:
            self._raw = b""
            if self._wire > FRAMING_SLACK + bounds.header_bytes + FRAMING_FACTOR * reading.body_bytes:
                self.fail(BAD_REQUEST.because("more framing than body"))
        return upgraded_at

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_version=True)  # `check` judges the version
        return parser

    def _go_on_with(self, request: Request) -> None:
        """The parser has ended a request at its head because of an Upgrade, which is dropped: read its body.

        A new parser is told of the framing alone, and what it then reads belongs to `request`.
        """
        framing = (
            b"transfer-encoding: chunked"
            if request.chunked
            else b"content-length: %d" % (request.length or 0)
        )
        close = b"" if request.keep_alive else b"connection: close\r\n"
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b%b\r\n\r\n" % (close, framing))  # type: ignore[union-attr]
        self.queue.pop()
        request.complete = False
        self.reading = request

    def fail(self, failure: Failure) -> None:
        """Nothing behind what is in the queue can be answered but with this."""
        if self.failure is None:
            self.failure = failure

    def _parse_failed(self, error: httptools.HttpParserError) -> None:
        last = self.queue[-1] if self.queue else None
        if self.reading is None and last is not None and not last.keep_alive:
            return  # bytes behind a request that announced the end are not read
        self.fail(BAD_REQUEST.because(str(error)))

    def _judge(self, queue: deque[Request], first: int, raw: bytes, upgraded: bool) -> None:
        """Judge the head that has just become complete; a verdict waits on its request for its turn."""
        bounds = self._bounds
        for index in range(first, len(queue)):
            request = queue[index]
            if len(request.target) > bounds.target_bytes:
                request.refusal = TARGET_TOO_LONG
            elif len(request.fields) > bounds.header_count or (
                self._wire > bounds.header_bytes and _size(request) > bounds.header_bytes
            ):
                request.refusal = FIELDS_TOO_LARGE
            else:
                request.refusal = check(request, raw if index == first else _ELSEWHERE, upgraded)
            if request.refusal is not None:
                request.keep_alive = False

    def __repr__(self) -> str:
        return f"<RequestReader {len(self.queue)} in the queue, reading {self.reading!r}>"


def _next_line(data: bytes, start: int) -> int:
    """Where in chunks the next line begins that can be a request's, behind them: one that ends like one, or the last,
    which is not all there. To cut at every empty line would cost too much where chunks are full of them."""
    at = start
    while (at := data.find(b" HTTP/", at)) >= 0:
        at += 6
        if data[at + 3 : at + 5] == b"\r\n" and (before := data.rfind(b"\n", start, at)) >= 0:
            return before + 1
    return data.rfind(b"\n", start) + 1 or len(data)


def _size(request: Request) -> int:
    """The header section's size on the wire, in bytes."""
    return sum(len(name) + len(value) + 4 for name, value in request.fields)
