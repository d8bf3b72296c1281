"""The route table: from method, host, path, query and fields to the one route that takes the request.

The total order, first difference wins:
1. `order`, lower first;
2. host: exact, then `*.suffix` (the longer first), then any;
3. path, segment by segment from the left: literal, `{param}`, `*`, `**`;
4. for a HEAD request only: a route that names HEAD;
5. the number of predicates (stated methods count as one, each header and each query parameter as one), more
   first;
6. declaration, earlier first.
A route that takes GET takes HEAD too (RFC 9110 section 9.3.2). Paths must be normalised (see `normal`), hosts
lower case and without port. What the table does not do: it never changes a path and never decides who may use
a route.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from .pattern import ANY_HOST, HostKind, HostPattern, PathPattern
from .predicates import Fields, Predicate, conditions
from .trie import LAST, Candidate, Node, Place, covering, matching, search

_ORDER_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One route as the table sees it; two entries are never equal.

    `hosts` empty: any host; `methods` empty: any method; `order`: lower wins; `index`: place of the
    declaration; `value`: what a match hands back.
    """

    pattern: PathPattern
    value: Any
    index: int
    hosts: tuple[HostPattern, ...] = ()
    methods: frozenset[bytes] = frozenset()
    headers: tuple[Predicate, ...] = ()
    query: tuple[Predicate, ...] = ()
    order: int = 0

    @property
    def host_patterns(self) -> tuple[HostPattern, ...]:
        """The hosts, with "any" said outright."""
        return self.hosts or (ANY_HOST,)

    def takes(self, method: bytes) -> bool:
        """Whether the route takes this method; GET includes HEAD."""
        return not self.methods or method in self.methods or (method == b"HEAD" and b"GET" in self.methods)


class Match:
    """The route that takes the request; `params` are raw bytes of the path, None for a route without any."""

    __slots__ = ("params", "value")

    def __init__(self, value: object, params: dict[str, bytes] | None) -> None:
        self.value = value
        self.params = params

    def __repr__(self) -> str:
        return f"<Match {self.value!r} {self.params or {}}>"


class Miss:
    """No route takes the request: 404, or 405 when `allowed` (for the `Allow` field, sorted) is not empty."""

    __slots__ = ("allowed",)

    def __init__(self, allowed: tuple[bytes, ...]) -> None:
        self.allowed = allowed

    def __repr__(self) -> str:
        return f"<Miss allowed={b', '.join(self.allowed).decode()!r}>"


_NOT_FOUND = Miss(())


# What a precedence key is made of, in this order.
CRITERIA = {
    "order": slice(0, 4),
    "host": slice(4, 6),
    "path": slice(6, -7),
    "naming HEAD": slice(-7, -6),
    "number of predicates": slice(-6, -4),
    "declaration": slice(-4, None),
}


def precedence(entry: Entry, host: HostPattern, method: bytes = b"") -> bytes:
    """The place of a route in the total order, for one of its hosts: the lower key wins.

    Raises ValueError when `order` needs more than 32 bits.
    """
    if not -_ORDER_LIMIT <= entry.order < _ORDER_LIMIT:
        raise ValueError(f"order must be between {-_ORDER_LIMIT} and {_ORDER_LIMIT - 1}, not {entry.order}")
    place = {HostKind.EXACT: 0, HostKind.SUFFIX: 0xFFFE - len(host.name), HostKind.ANY: 0xFFFF}[host.kind]
    predicates = bool(entry.methods) + len(entry.headers) + len(entry.query)
    return b"".join(
        (
            (entry.order + _ORDER_LIMIT).to_bytes(4, "big"),
            place.to_bytes(2, "big"),
            bytes(segment.kind for segment in entry.pattern.segments),
            b"\x00",
            b"\x00" if method == b"HEAD" and b"HEAD" in entry.methods else b"\x01",
            (0xFFFF - predicates).to_bytes(2, "big"),
            entry.index.to_bytes(4, "big"),
        )
    )


class TableBuilder:
    """Builds a table entry by entry, so that a reload can pause between two; `finish` costs nothing."""

    __slots__ = ("_any", "_entries", "_exact", "_suffixes")

    def __init__(self) -> None:
        self._any = Node()
        self._exact: dict[bytes, Node] = {}
        self._suffixes: dict[bytes, Node] = {}
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Put one route into the table."""
        tested = conditions(entry.headers, entry.query)
        ready = None if entry.pattern.captures else Match(entry.value, None)
        self._entries.append(entry)
        for host in dict.fromkeys(entry.host_patterns):
            candidate = Candidate(entry, precedence(entry, host), tested, ready)
            for_head = candidate
            if b"HEAD" in entry.methods:
                for_head = Candidate(entry, precedence(entry, host, b"HEAD"), tested, ready)
            self._root(host).insert(entry.pattern, candidate, for_head)

    def _root(self, host: HostPattern) -> Node:
        if host.kind is HostKind.ANY:
            return self._any
        roots = self._exact if host.kind is HostKind.EXACT else self._suffixes
        root = roots.get(host.name)
        if root is None:
            root = roots[host.name] = Node()
        return root

    def finish(self) -> RouteTable:
        """The table of all entries added; the builder is not used afterwards."""
        return RouteTable(self._any, self._exact, self._suffixes, tuple(self._entries))


class RouteTable:
    """An immutable table of routes. `entries` are in the order they were added."""

    __slots__ = ("_any", "_exact", "_hosted", "_suffixes", "entries")

    def __init__(
        self,
        any_root: Node,
        exact: dict[bytes, Node],
        suffixes: dict[bytes, Node],
        entries: tuple[Entry, ...],
    ) -> None:
        self._any = any_root
        self._exact = exact
        self._suffixes = suffixes
        self._hosted = bool(exact or suffixes)
        self.entries = entries

    @classmethod
    def build(cls, entries: Iterable[Entry]) -> RouteTable:
        """The table of these entries, in one go."""
        builder = TableBuilder()
        for entry in entries:
            builder.add(entry)
        return builder.finish()

    def find(self, method: bytes, host: bytes, path: bytes, query: bytes, fields: Fields) -> Match | Miss:
        """The route that takes this request, or why there is none."""
        parts = path.split(b"/")
        if self._hosted:
            found = self._search_hosts(method, host, parts, query, fields)
        else:
            found = search(self._any, parts, method, query, fields, LAST)
        if found is None:
            return self._miss(host, parts, query, fields)
        match = found.match
        if match is not None:
            return match
        return _capture(found.entry, parts)

    def find_preflight(
        self, asked: bytes, host: bytes, path: bytes, query: bytes, fields: Fields
    ) -> Match | Miss:
        """The route for a CORS pre-flight: the one that would take the request that it asks for.

        `asked` is the value of Access-Control-Request-Method. Headers that the pre-flight announces count as
        present with whatever value a route wants. Without such a route, one that takes OPTIONS.
        """
        parts = path.split(b"/")
        announced = frozenset(
            name.strip().lower()
            for key, value in fields
            if key == b"access-control-request-headers"
            for name in value.split(b",")
        )
        places = [place for root in self._roots(host) for place in matching(root, parts)]
        for method in (asked, b"OPTIONS"):
            takers = [
                candidate
                for place in places
                for candidate in place.taking(method)
                if candidate.conditions is None or candidate.conditions.may_hold(query, fields, announced)
            ]
            if takers:
                return _capture(min(takers, key=attrgetter("key")).entry, parts)
        return _refused(candidate.entry for place in places for candidate in place.candidates)

    def covering(self, pattern: PathPattern, host: HostPattern) -> Iterator[Place]:
        """Every place of the table whose routes match all paths and hosts that these patterns match."""
        for root in self._roots(b"*" + host.name if host.kind is HostKind.SUFFIX else host.name):
            yield from covering(root, pattern)

    def nodes(self) -> Iterator[Node]:
        """Every node of every host's trie, each before those below it."""
        pending = [self._any, *self._exact.values(), *self._suffixes.values()]
        while pending:
            node = pending.pop()
            yield node
            pending += node.below()

    def _search_hosts(
        self, method: bytes, host: bytes, parts: list[bytes], query: bytes, fields: Fields
    ) -> Candidate | None:
        found: Candidate | None = None
        below = LAST
        for root in self._roots(host):
            if root.lowest < below:
                better = search(root, parts, method, query, fields, below)
                if better is not None:
                    found = better
                    below = better.key
        return found

    def _roots(self, host: bytes) -> Iterator[Node]:
        """The tries that may hold routes for a host, the most specific first."""
        host = host.removesuffix(b".")  # `example.com.` is the same name, written absolutely
        root = self._exact.get(host)
        if root is not None:
            yield root
        if self._suffixes:
            dot = host.find(b".")
            while dot != -1:
                root = self._suffixes.get(host[dot:])
                if root is not None and dot:
                    yield root
                dot = host.find(b".", dot + 1)
        yield self._any

    def _miss(self, host: bytes, parts: list[bytes], query: bytes, fields: Fields) -> Miss:
        return _refused(
            candidate.entry
            for root in self._roots(host)
            for place in matching(root, parts)
            for candidate in place.candidates
            if candidate.conditions is None or candidate.conditions.hold(query, fields)
        )

    def __repr__(self) -> str:
        hosts = len(self._exact) + len(self._suffixes)
        return f"<RouteTable {len(self.entries)} routes, {hosts} hosts>"


def _capture(entry: Entry, parts: list[bytes]) -> Match:
    captures = entry.pattern.captures
    if not captures:
        return Match(entry.value, None)
    params = {}
    for name, place in captures:  # in 3.11 a comprehension would be a call of its own
        params[name] = parts[place]
    return Match(entry.value, params)


def _refused(entries: Iterable[Entry]) -> Miss:
    methods = {method for entry in entries for method in entry.methods}
    if b"GET" in methods:
        methods.add(b"HEAD")
    return Miss(tuple(sorted(methods))) if methods else _NOT_FOUND
