"""The trie of one host: a node per path segment, searched depth first, the most specific branch first.

Every candidate carries its whole precedence as one `bytes` key (made by `table`), and every node knows the
lowest key below it. The search takes the first candidate that holds and then only looks where something lower
can still be: with one `order` in the table nothing can, with several the search stays exact. A node is
visited at most once per request, so the size of the configuration bounds the work, never the request.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING

from .pattern import Kind, PathPattern

if TYPE_CHECKING:
    from .predicates import Conditions, Fields
    from .table import Entry, Match

LAST = b"\xff" * 16  # above every key

_key = attrgetter("key")


class Candidate:
    """One route at one place of the trie. `match` is ready for routes without parameters."""

    __slots__ = ("conditions", "entry", "key", "match")

    def __init__(self, entry: Entry, key: bytes, conditions: Conditions | None, match: Match | None) -> None:
        self.entry = entry
        self.key = key
        self.conditions = conditions
        self.match = match


class Place:
    """The routes whose pattern ends at one node; the lists that a search reads have the lowest key first."""

    __slots__ = ("any_method", "by_method", "candidates")

    def __init__(self) -> None:
        self.by_method: dict[bytes, list[Candidate]] = {}
        self.any_method: list[Candidate] = []  # for methods that no route here names
        self.candidates: list[Candidate] = []

    def taking(self, method: bytes) -> list[Candidate]:
        """The routes here that take a method."""
        return self.by_method.get(method, self.any_method)

    def hold(self, candidate: Candidate, for_head: Candidate) -> None:
        """Take a route in; `for_head` stands in where the request's method is HEAD."""
        self.candidates.append(candidate)
        methods = candidate.entry.methods
        taken = methods | {b"HEAD"} if b"GET" in methods else methods
        for method in taken:
            if method not in self.by_method:
                self.by_method[method] = list(self.any_method)
        if not methods:
            insort(self.any_method, candidate, key=_key)
            taken = frozenset(self.by_method)
        for method in taken:
            insort(self.by_method[method], for_head if method == b"HEAD" else candidate, key=_key)


class Node:
    """What may follow the segments so far, and the routes that end here."""

    __slots__ = ("forks", "literals", "lowest", "one", "param", "place", "rest")

    def __init__(self) -> None:
        self.literals: dict[bytes, Node] = {}
        self.param: Node | None = None
        self.one: Node | None = None
        self.rest: Node | None = None
        self.forks = False  # whether one of the three above is there
        self.lowest = LAST
        self.place: Place | None = None

    def insert(self, pattern: PathPattern, candidate: Candidate, for_head: Candidate) -> None:
        """Put a route under its pattern; `for_head` stands in where the request's method is HEAD."""
        key = candidate.key  # the one for HEAD differs from it only after all that tells nodes apart
        node = self
        node.lowest = min(node.lowest, key)
        for segment in pattern.segments:
            node = node._child(segment.kind, segment.literal)
            node.lowest = min(node.lowest, key)
        node.place = node.place or Place()
        node.place.hold(candidate, for_head)

    def below(self) -> list[Node]:
        """The nodes one segment further."""
        wild = (self.param, self.one, self.rest)
        return [*self.literals.values(), *[node for node in wild if node is not None]]

    def _child(self, kind: Kind, literal: bytes) -> Node:
        if kind is Kind.LITERAL:
            child = self.literals.get(literal)
            if child is None:
                child = self.literals[literal] = Node()
            return child
        self.forks = True
        if kind is Kind.PARAM:
            self.param = self.param or Node()
            return self.param
        if kind is Kind.ONE:
            self.one = self.one or Node()
            return self.one
        self.rest = self.rest or Node()
        return self.rest


def search(
    root: Node, parts: list[bytes], method: bytes, query: bytes, fields: Fields, below: bytes
) -> Candidate | None:
    """The candidate with the lowest key under `below` that takes this request, or None.

    `parts` is `path.split(b"/")` of a normalised path.
    """
    found: Candidate | None = None
    count = len(parts)
    depth = 1
    node = root
    pending: list[tuple[Node, int]] = []
    while True:
        while depth < count:
            part = parts[depth]
            depth += 1
            child = node.literals.get(part)
            if node.forks:
                # What is put down last is taken up first.
                if node.rest is not None:
                    pending.append((node.rest, count))
                if part:
                    if node.one is not None:
                        pending.append((node.one, depth))
                    if node.param is not None:
                        pending.append((node.param, depth))
            if child is None:
                break
            node = child
        else:
            place = node.place
            if place is not None:
                for candidate in place.by_method.get(method, place.any_method):
                    if candidate.key >= below:
                        break
                    conditions = candidate.conditions
                    if conditions is None or conditions.hold(query, fields):
                        found = candidate
                        below = candidate.key
                        break
            if node.rest is not None:  # `/a/**` takes `/a`
                pending.append((node.rest, count))
        while pending:
            node, depth = pending.pop()
            if node.lowest < below:
                break
        else:
            return found


def matching(root: Node, parts: list[bytes]) -> Iterator[Place]:
    """Every place whose path matches, in no order: for refusals and pre-flights."""
    pending = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        if node.rest is not None and node.rest.place is not None:
            yield node.rest.place
        if depth == len(parts):
            if node.place is not None:
                yield node.place
            continue
        part = parts[depth]
        wild = (node.param, node.one) if part else ()
        pending.extend(
            (branch, depth + 1) for branch in (node.literals.get(part), *wild) if branch is not None
        )


def covering(root: Node, pattern: PathPattern) -> Iterator[Place]:
    """Every place whose routes match all paths that `pattern` matches."""
    pending = [(root, 0)]
    segments = pattern.segments
    while pending:
        node, depth = pending.pop()
        if node.rest is not None and node.rest.place is not None:
            yield node.rest.place
        if depth == len(segments):
            if node.place is not None:
                yield node.place
            continue
        segment = segments[depth]
        if segment.kind is Kind.REST:
            continue
        literal = node.literals.get(segment.literal) if segment.kind is Kind.LITERAL else None
        nonempty = segment.kind is not Kind.LITERAL or segment.literal
        wild = (node.param, node.one) if nonempty else ()
        pending.extend((branch, depth + 1) for branch in (literal, *wild) if branch is not None)
