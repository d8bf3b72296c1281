"""A strict reader of what clients and services send, which shares nothing with the gateway (RFC 9112).

It takes every spelling that the RFC allows and Portico serves, and nothing else. What it calls malformed must not be
served; what it takes may still be refused. `portico.testing.read_request` is stricter: it reads what Portico writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

Field = tuple[bytes, bytes]

_REQUEST_LINE = re.compile(rb"([A-Z-]+) ([\x21-\x7e]+) HTTP/1\.([0-9])").fullmatch  # RFC 9110 section 2.5
_STATUS_LINE = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?"
).fullmatch  # nobody reads a reason
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)").fullmatch
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?").fullmatch


class State(Enum):
    """How far the bytes go."""

    OPEN = "all is read, or more must come"
    CLOSED = "the sender has announced that nothing follows"
    MALFORMED = "what follows is no message"


class NoMessage(Exception):  # a verdict
    """The bytes can never become a message."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A whole message. Names in lower case. `start` is the start line's parts."""

    start: tuple[bytes, ...]
    fields: tuple[Field, ...]
    body: bytes
    trailers: tuple[Field, ...]
    keeps: bool  # the connection goes on behind it

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a field."""
        return [value for known, value in self.fields if known == name]

    @property
    def options(self) -> set[bytes]:
        """What Connection names."""
        return _tokens(self.all(b"connection") + self.all(b"proxy-connection"))


@dataclass(slots=True)
class Reading:
    """All messages of one connection, and what stands behind them."""

    messages: list[Sent] = field(default_factory=list)
    state: State = State.OPEN
    pending: tuple[
        bytes, ...
    ] = ()  # the request line whose head is whole and whose body is not, or never can be


def requests(data: bytes) -> Reading:
    """The requests that a client has sent."""
    reading = Reading()
    while reading.state is State.OPEN:
        data = data.lstrip(b"\r\n")  # RFC 9112 section 2.2: empty lines before a request
        if data.startswith(b"PRI "):
            break  # HTTP/2's preface (RFC 9113 section 3.4): the parser refuses it, some only when all is there
        try:
            found = _request(data)
        except NoMessage:
            reading.state = State.MALFORMED
            found = None
        if found is None:
            line = _REQUEST_LINE(data.partition(b"\r\n")[0])
            if line is not None and b"\r\n\r\n" in data:
                reading.pending = line.groups()
            break
        sent, data = found
        reading.messages.append(sent)
        if not sent.keeps:
            reading.state = State.CLOSED
    return reading


def _request(data: bytes) -> tuple[Sent, bytes] | None:
    head = _head(data)
    if head is None:
        return None
    start, fields, rest = head
    line = _REQUEST_LINE(start)
    if line is None:
        raise NoMessage(start)
    method, target, minor = line.groups()
    minor = min(minor, b"1")
    if (minor == b"1" and len(_all(fields, b"host")) != 1) or len(_all(fields, b"host")) > 1:
        raise NoMessage("Host")
    # Proxy-Connection counts as Connection: it can end a connection early, and changes no message.
    options = _tokens(_all(fields, b"connection") + _all(fields, b"proxy-connection"))
    keeps = b"close" not in options and (minor == b"1" or b"keep-alive" in options)
    length, chunked = _framing(fields, minor)
    if chunked:
        body = _chunked(rest)
        if body is None:
            return None
        content, trailers, rest = body
        if {name for name, _ in trailers} & {b"content-length", b"transfer-encoding"}:
            raise NoMessage("framing behind the body")
        return Sent((method, target, minor), fields, content, trailers, keeps), rest
    if len(rest) < (length or 0):
        return None
    return Sent((method, target, minor), fields, rest[: length or 0], (), keeps), rest[length or 0 :]


@dataclass(slots=True)
class Answered:
    """The replies that a service has sent to one request. `final` None: there is none that is whole."""

    interim: list[int] = field(default_factory=list)
    final: Sent | None = None
    surplus: bytes = b""
    state: State = State.OPEN


def replies(data: bytes, *, head_only: bool, ended: bool) -> Answered:
    """What a service has sent to one request; `ended`: it has closed its side in order."""
    found = Answered()
    try:
        while True:
            head = _head(data)
            if head is None:
                return found
            start, fields, rest = head
            line = _STATUS_LINE(start)
            if line is None:
                raise NoMessage(start)
            minor, status = line[1], int(line[2])
            length, chunked = _framing(fields, minor)
            if status == 101:
                raise NoMessage("nobody has asked for another protocol")
            if status >= 200:
                break
            found.interim.append(status)
            # Known: between replies the parser skips empty lines, and takes other protocols for HTTP without a word.
            data = re.sub(rb"^(?:RTSP|ICE)/", b"HTTP/", rest.lstrip(b"\r\n"))
        options = _tokens(_all(fields, b"connection") + _all(fields, b"proxy-connection"))
        keeps = b"close" not in options and (minor == b"1" or b"keep-alive" in options)
        body = b""
        trailers: tuple[Field, ...] = ()
        if head_only or status in (204, 304):
            pass
        elif chunked:
            read = _chunked(rest)
            if read is None:
                return found
            body, trailers, rest = read
        elif length is not None:
            if len(rest) < length:
                return found
            body, rest = rest[:length], rest[length:]
        else:
            if not ended:
                return found
            body, rest, keeps = rest, b"", False
        found.final = Sent((minor, line[2]), fields, body, trailers, keeps)
        found.surplus = rest
    except NoMessage:
        found.state = State.MALFORMED
    return found


def _all(fields: tuple[Field, ...], name: bytes) -> list[bytes]:
    return [value for known, value in fields if known == name]


def _tokens(values: list[bytes]) -> set[bytes]:
    return {token.strip(b" \t").lower() for value in values for token in value.split(b",")} - {b""}


def _head(data: bytes) -> tuple[bytes, tuple[Field, ...], bytes] | None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    start, *lines = data[:end].split(b"\r\n")
    return start, tuple(map(_field, lines)), data[end + 4 :]


def _field(line: bytes) -> Field:
    found = _FIELD(line)
    if found is None:
        raise NoMessage(line)
    return found[1].lower(), found[2].strip(b" \t")


def _framing(fields: tuple[Field, ...], minor: bytes) -> tuple[int | None, bool]:
    """The length, and whether it is chunked (section 6)."""
    lengths, codings = _all(fields, b"content-length"), _all(fields, b"transfer-encoding")
    if codings:
        if lengths or minor == b"0" or [coding.lower() for coding in codings] != [b"chunked"]:
            raise NoMessage("framing")
        return None, True
    if not lengths:
        return None, False
    if len(lengths) > 1 or not lengths[0].isdigit() or int(lengths[0]) >= 1 << 64:
        raise NoMessage("length")
    return int(lengths[0]), False


def _chunked(data: bytes) -> tuple[bytes, tuple[Field, ...], bytes] | None:
    parts: list[bytes] = []
    while True:
        line, mark, data = data.partition(b"\r\n")
        if not mark:
            return None
        found = _CHUNK(line)
        if found is None:
            raise NoMessage(line)
        size = int(found[1], 16)
        if size == 0:
            break
        parts.append(data[:size])
        end = data[size : size + 2]
        if not b"\r\n".startswith(end):
            raise NoMessage("a chunk without end")
        if len(end) < 2:
            return None
        data = data[size + 2 :]
    trailers: list[Field] = []
    while True:
        line, mark, data = data.partition(b"\r\n")
        if not mark:
            return None
        if not line:
            return b"".join(parts), tuple(trailers), data
        trailers.append(_field(line))
