"""Routes that no request can ever reach, because others always win: mistakes that `portico check` reports.

A route is shadowed when for each of its hosts and methods some other route takes every request that it would
take, and comes first in the total order. Only what can be proven is reported: several routes that cover a
route's paths or headers together, each a part, are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .pattern import HostPattern
from .predicates import Predicate
from .table import Entry, RouteTable, precedence

# Stands for every method that no route names. Who takes those first takes the named ones first, too, and who
# takes GET first takes HEAD.
_UNNAMED = b""


@dataclass(frozen=True, slots=True)
class Shadow:
    """`entry` can never match, because `by` always win; `duplicate`: both ask for exactly the same."""

    entry: Entry
    by: tuple[Entry, ...]
    duplicate: bool


def shadows(table: RouteTable) -> Iterator[Shadow]:
    """The shadowed routes of a table, in the order of its entries."""
    for entry in table.entries:
        winners = _winners(table, entry)
        if winners:
            duplicate = any(_question(entry) == _question(winner) for winner in winners)
            yield Shadow(entry, tuple(winners), duplicate)


def _winners(table: RouteTable, entry: Entry) -> list[Entry]:
    """The routes that together leave nothing to this one; empty when it can be reached."""
    winners: list[Entry] = []
    for host in entry.host_patterns:
        for method in sorted(entry.methods) or [_UNNAMED]:
            winner = _winner(table, entry, host, method)
            if winner is None:
                return []
            if winner not in winners:
                winners.append(winner)
    return winners


def _winner(table: RouteTable, entry: Entry, host: HostPattern, method: bytes) -> Entry | None:
    """The first route that takes all that `entry` takes of one host and method, and comes before it."""
    own = precedence(entry, host, method)
    covering = [
        candidate
        for place in table.covering(entry.pattern, host)
        for candidate in place.taking(method)
        if candidate.key < own and candidate.entry is not entry and _asks_no_more(candidate.entry, entry)
    ]
    return min(covering, key=lambda candidate: candidate.key).entry if covering else None


def _asks_no_more(wide: Entry, narrow: Entry) -> bool:
    return _implied(wide.headers, narrow.headers) and _implied(wide.query, narrow.query)


def _implied(wanted: tuple[Predicate, ...], given: tuple[Predicate, ...]) -> bool:
    return all(any(want.covers(have) for have in given) for want in wanted)


def _question(entry: Entry) -> tuple[object, ...]:
    """All that a route asks of a request; the names of parameters ask nothing."""
    shape = tuple((segment.kind, segment.literal) for segment in entry.pattern.segments)
    return (
        shape,
        frozenset(entry.host_patterns),
        entry.methods,
        frozenset(entry.headers),
        frozenset(entry.query),
    )
