"""Why a request goes where it goes: the routes that came near, and what each lost by.

For `portico explain` and for people. Every entry is tried in turn, so this costs what the table has, and it
shares nothing with the search of a request but the definitions: patterns, predicates and `precedence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .predicates import Fields, Predicate, parse_query
from .table import CRITERIA, Entry, RouteTable, precedence


class Lost(Enum):
    """What a route lost by."""

    PATH = "path"
    HOST = "host"
    METHOD = "method"
    HEADER = "header"
    QUERY = "query"
    PRECEDENCE = "precedence"


@dataclass(frozen=True, slots=True)
class Loss:
    """One reason against a route; `text` is a clause for a person."""

    by: Lost
    text: str


@dataclass(frozen=True, slots=True)
class Candidacy:
    """One route that came near; the winner has no losses."""

    entry: Entry
    losses: tuple[Loss, ...]


def explain(
    table: RouteTable, method: bytes, host: bytes, path: bytes, query: bytes, fields: Fields, limit: int = 10
) -> list[Candidacy]:
    """The routes nearest to a request: the winner, then those whose path matches, then by shared segments.

    Host (lower case, no port) and path (normalised) as for `RouteTable.find`. At most `limit` candidacies;
    routes that share not even the first segment are left out.
    """
    host = host.removesuffix(b".")
    pairs = parse_query(query)
    judged = []
    for entry in table.entries:
        losses = _losses(entry, method, host, path, pairs, fields)
        near = entry.pattern.shared_segments(path)
        astray = losses[:1] != [] and losses[0].by is Lost.PATH
        if near or not astray:
            judged.append(
                (astray, -near if astray else 0, len(losses), _place(entry, host, method), entry, losses)
            )
    judged.sort(key=lambda row: row[:4])
    first = judged[0] if judged and not judged[0][5] else None
    for row in judged:
        if first is not None and row is not first and not row[5]:
            row[5].append(_outranked(row[3], first[3], first[4]))
    return [Candidacy(row[4], tuple(row[5])) for row in judged[:limit]]


def _losses(
    entry: Entry, method: bytes, host: bytes, path: bytes, pairs: list[tuple[bytes, bytes]], fields: Fields
) -> list[Loss]:
    losses = []
    if not entry.pattern.matches(path):
        losses.append(Loss(Lost.PATH, f"{entry.pattern.text} does not match"))
    if not any(pattern.matches(host) for pattern in entry.host_patterns):
        losses.append(Loss(Lost.HOST, "takes only " + ", ".join(pattern.text for pattern in entry.hosts)))
    if not entry.takes(method):
        losses.append(Loss(Lost.METHOD, "takes only " + b", ".join(sorted(entry.methods)).decode("latin-1")))
    losses += _unmet(Lost.HEADER, entry.headers, fields)
    losses += _unmet(Lost.QUERY, entry.query, pairs)
    return losses


def _unmet(by: Lost, predicates: tuple[Predicate, ...], pairs: list[tuple[bytes, bytes]]) -> list[Loss]:
    return [Loss(by, f"wants {predicate}") for predicate in predicates if not predicate.holds(pairs)]


def _place(entry: Entry, host: bytes, method: bytes) -> bytes:
    """The place for the host pattern that takes this host, or for the best one when none does."""
    patterns = [pattern for pattern in entry.host_patterns if pattern.matches(host)] or entry.host_patterns
    return min(precedence(entry, pattern, method) for pattern in patterns)


def _outranked(place: bytes, winning: bytes, winner: Entry) -> Loss:
    criterion = next(name for name, part in CRITERIA.items() if place[part] != winning[part])
    return Loss(Lost.PRECEDENCE, f"{winner.pattern.text} comes first by {criterion}")
