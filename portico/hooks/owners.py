"""Whose a resource is, as the request itself names it: in its path, its query, or its JSON body (requirements 3.1).

Asked only for callers who may touch what is theirs and nothing else, so whatever is doubtful is not theirs: a name that
is missing, that stands there twice with two values, or in a way that a service might read otherwise (another case,
brackets behind it, a body that is coded or no JSON). Pointers into bodies are RFC 6901's.
"""

from __future__ import annotations

import json
import re
from typing import Any, Protocol
from urllib.parse import unquote_plus, unquote_to_bytes

from portico.exchange.exchange import Exchange

_SEPARATORS = re.compile(rb"[&;]")
_JSON = re.compile(rb"application/(?:[a-z0-9.+-]+\+)?json[ \t]*(?:;|\Z)")


class Owner(Protocol):
    """Where a request names the owner of what it is about."""

    def is_called(self, x: Exchange, subject: str) -> bool:
        """Whether the request names this subject, and nobody else."""


class InPath:
    """A parameter of the route's path."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def is_called(self, x: Exchange, subject: str) -> bool:
        """See `Owner`."""
        value = (x.params or {}).get(self._name)
        return value is not None and unquote_to_bytes(value) == _bytes(subject)


class InQuery:
    """A parameter of the query."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name.lower()

    def is_called(self, x: Exchange, subject: str) -> bool:
        """See `Owner`."""
        wanted = _bytes(subject)
        named = False
        for pair in _SEPARATORS.split(x.request.query):
            key, _, value = pair.partition(b"=")
            if unquote_plus(key.decode("latin-1")).partition("[")[0].strip().lower() != self._name:
                continue
            if unquote_to_bytes(value.replace(b"+", b" ")) != wanted:
                return False
            named = True
        return named


class InBody:
    """A member of the JSON body, by its pointer."""

    __slots__ = ("_steps",)

    def __init__(self, pointer: str) -> None:
        self._steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])

    def is_called(self, x: Exchange, subject: str) -> bool:
        """See `Owner`."""
        coding = x.request.header(b"content-encoding")
        kind = x.request.header(b"content-type")
        if not x.body or kind is None or not _JSON.match(kind.lower()):
            return False
        if coding is not None and coding.strip().lower() != b"identity":
            return False
        try:
            found = json.loads(x.body.decode("utf-8"), object_pairs_hook=_distinct)
        except (ValueError, RecursionError):
            return False
        for step in self._steps:
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif (
                isinstance(found, list) and re.fullmatch("0|[1-9][0-9]{0,8}", step) and int(step) < len(found)
            ):
                found = found[int(step)]
            else:
                return False
        if isinstance(found, bool) or not isinstance(found, str | int):
            return False
        return str(found) == subject


def _bytes(subject: str) -> bytes:
    return subject.encode("utf-8", "surrogatepass")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members differ in more than case: of two, each service takes another one."""
    members = dict(pairs)
    if len({name.casefold() for name in members}) < len(pairs):
        raise ValueError("a member is there twice")
    return members
