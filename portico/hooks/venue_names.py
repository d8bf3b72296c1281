"""Which venues a request names: in its path, query, body and header (requirements 3.4).

The first source in this order decides, and all others must name the same: a service that reads another source than the
gateway did must not be led to another venue. So every spelling counts that some framework takes for the name: any
case, underscores in a header, a name written twice, brackets behind it, forms as well as JSON. What cannot be read is
refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

import orjson

from portico.exchange.exchange import Exchange
from portico.exchange.request import Request

_ID = re.compile(r"[A-Za-z0-9_~:-][A-Za-z0-9._~:-]{0,127}\Z", re.ASCII)
_SEPARATORS = re.compile(rb"[&;]")
_FORM = b"application/x-www-form-urlencoded"
_NO_TEXT = (_FORM, b"multipart/")


class UnreadableError(Exception):
    """The request may name a venue in a way that cannot be read. The text is for the log."""


def usable(venue: str) -> bool:
    """Whether this can be a venue's id: nothing else is ever asked for, or put into a path."""
    return _ID.match(venue) is not None


class Names:
    """Where one route's requests name a venue; an empty name switches that source off."""

    __slots__ = ("_body", "_header", "_param", "_query")

    def __init__(self, param: str, query: str, body: str, header: str) -> None:
        self._param = param
        self._query = query.lower()
        self._body = body.lower()
        self._header = header.lower().replace("_", "-").encode()

    def of(self, x: Exchange) -> list[str]:
        """Every venue that is named, in the order of sources. Raises UnreadableError."""
        found: list[str] = []
        if self._param and x.params is not None and self._param in x.params:
            found.append(_text(unquote_to_bytes(x.params[self._param])))
        request = x.request
        if self._query and request.query:
            found += _pairs(request.query, self._query)
        if self._body and x.body:
            found += self._in_body(request, x.body)
        if self._header:
            found += _fields(request, self._header)
        return found

    def _in_body(self, request: Request, body: bytes) -> Iterator[str]:
        coding = request.header(b"content-encoding")
        if coding is not None and coding.strip().lower() not in (b"", b"identity"):
            raise UnreadableError("the body is coded")
        kind = (request.header(b"content-type") or b"").strip().lower()
        if kind.startswith(_FORM):
            yield from _pairs(body, self._body)
        # Whatever it claims to be: there are services that read anything as JSON.
        yield from _members(body, self._body, kind)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UnreadableError("a venue that is not UTF-8") from None


def _pairs(written: bytes, name: str) -> Iterator[str]:
    """The values of `name` in a query or a form."""
    for pair in _SEPARATORS.split(written):
        key, _, value = pair.partition(b"=")
        if unquote_plus(key.decode("latin-1")).partition("[")[0].strip().lower() == name:
            yield _text(unquote_to_bytes(value.replace(b"+", b" ")))


def _fields(request: Request, name: bytes) -> Iterator[str]:
    for field, value in (*request.fields, *request.trailers):
        if field.replace(b"_", b"-") == name:
            yield _text(value.strip())


def _members(body: bytes, name: str, kind: bytes) -> Iterator[str]:
    """The values of the member `name` of a JSON object."""
    if b"\x00" in body:
        if b"json" in kind:
            raise UnreadableError("JSON in another encoding than UTF-8")
        return
    lower = body.lower()
    mentions = lower.count(name.encode())
    escaped = b"\\u" in lower
    if not mentions and not escaped:
        return
    try:
        told = orjson.loads(body)
        pairs = _top(body) if mentions > 1 or escaped else told.items() if isinstance(told, dict) else ()
    except (ValueError, RecursionError):
        if b"json" in kind or (mentions and not kind.startswith(_NO_TEXT)):
            raise UnreadableError("a body that is no JSON") from None
        return
    if not isinstance(told, dict):
        return
    for key, value in pairs:
        if key.lower() != name or value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise UnreadableError("a venue that is neither text nor a number")
        yield str(value)


def _top(body: bytes) -> list[tuple[str, Any]]:
    """The members of the outermost object, also those of one name, of which a service may take any."""
    last: list[tuple[str, Any]] = []

    def seen(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal last
        last = pairs  # inner objects come first
        return {}

    json.loads(body, object_pairs_hook=seen)
    return last
