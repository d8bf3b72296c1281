"""Predicates of a route beside path, host and method: header and query, exact, present or absent.

A header value is compared as a whole, case-sensitively, with each field line of that name; one equal line is
enough. A query parameter is compared after form decoding (`+` and percent), any occurrence counts; the query
is parsed only for a route that asks. Predicates choose between routes; they are never an access check, since
the client writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote_to_bytes

Fields = list[tuple[bytes, bytes]]


class Want(Enum):
    """What a predicate asks of a name."""

    EXACT = "exact"
    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Predicate:
    """One question about a header or a query parameter; `value` counts for EXACT only."""

    name: bytes
    want: Want
    value: bytes = b""

    def holds(self, pairs: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether the predicate holds for these names and values."""
        wanted, name = self.want, self.name
        for key, value in pairs:
            if key == name:
                if wanted is Want.PRESENT:
                    return True
                if wanted is Want.ABSENT:
                    return False
                if value == self.value:
                    return True
        return wanted is Want.ABSENT

    def covers(self, other: Predicate) -> bool:
        """Whether this holds whenever `other` holds."""
        if self == other:
            return True
        return self.name == other.name and self.want is Want.PRESENT and other.want is Want.EXACT

    def __str__(self) -> str:
        name = self.name.decode("latin-1")
        if self.want is Want.EXACT:
            return f"{name}: {self.value.decode('latin-1')}"
        return f"{name} {self.want.value}"


def header_predicate(name: str, written: str) -> Predicate:
    """A header predicate as written: a value, `*` (present) or `!` (absent)."""
    return _written(name.lower().encode("ascii"), written, {"*": Want.PRESENT, "!": Want.ABSENT})


def query_predicate(name: str, written: str) -> Predicate:
    """A query predicate as written: a value or `*` (present)."""
    return _written(name.encode("utf-8"), written, {"*": Want.PRESENT})


def _written(name: bytes, written: str, signs: dict[str, Want]) -> Predicate:
    want = signs.get(written)
    return Predicate(name, Want.EXACT, written.encode("utf-8")) if want is None else Predicate(name, want)


class Conditions:
    """The header and query predicates of one route, judged together."""

    __slots__ = ("headers", "query")

    def __init__(self, headers: tuple[Predicate, ...], query: tuple[Predicate, ...]) -> None:
        self.headers = headers
        self.query = query

    def hold(self, query: bytes, fields: Fields) -> bool:
        """Whether all predicates hold for this request."""
        for predicate in self.headers:
            if not predicate.holds(fields):
                return False
        if self.query:
            pairs = parse_query(query)
            for predicate in self.query:
                if not predicate.holds(pairs):
                    return False
        return True

    def may_hold(self, query: bytes, fields: Fields, announced: frozenset[bytes]) -> bool:
        """Whether the predicates can hold for the request that a pre-flight asks for.

        `announced` are the header names that the request will carry; their values are not yet known.
        """
        for predicate in self.headers:
            if predicate.name in announced:
                if predicate.want is Want.ABSENT:
                    return False
            elif not predicate.holds(fields):
                return False
        pairs = parse_query(query)
        return all(predicate.holds(pairs) for predicate in self.query)


def conditions(headers: tuple[Predicate, ...], query: tuple[Predicate, ...]) -> Conditions | None:
    """The conditions to test for each request, or None when there is nothing to test."""
    return Conditions(headers, query) if headers or query else None


def parse_query(query: bytes) -> list[tuple[bytes, bytes]]:
    """The names and values of a query string, form-decoded, in order; without `=` the value is empty."""
    pairs = []
    for part in query.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((_form_decoded(name), _form_decoded(value)))
    return pairs


def _form_decoded(text: bytes) -> bytes:
    text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text
