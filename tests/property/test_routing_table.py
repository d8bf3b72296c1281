"""The trie against a naive search: every entry tried, the documented order applied by plain comparison."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from portico.routing import (
    Entry,
    Match,
    Miss,
    RouteTable,
    explain,
    header_predicate,
    parse_host,
    parse_path,
    query_predicate,
    shadows,
)
from portico.routing.pattern import HostKind, HostPattern
from portico.routing.predicates import Fields, parse_query

SEGMENTS = st.sampled_from(["a", "b", "{x}", "{x}", "*", "**", ""])
METHODS = [b"GET", b"HEAD", b"POST", b"OPTIONS"]


@st.composite
def patterns(draw: st.DrawFn) -> str:
    drawn = draw(st.lists(SEGMENTS, min_size=1, max_size=4))
    kept: list[str] = []
    for place, segment in enumerate(drawn):
        if segment == "{x}":
            kept.append(f"{{x{place}}}")
        elif segment in ("", "**"):
            kept.append(segment)
            break
        else:
            kept.append(segment)
    return "/" + "/".join(kept)


@st.composite
def tables(draw: st.DrawFn) -> list[Entry]:
    entries = []
    paths = draw(st.lists(patterns(), min_size=1, max_size=4))  # few, so that routes meet
    for index in range(draw(st.integers(1, 8))):
        hosts = draw(st.lists(st.sampled_from(["h.com", "x.h.com", "*.h.com", "*.com", "*"]), max_size=2))
        headers = draw(
            st.lists(st.sampled_from([("v", "1"), ("v", "*"), ("v", "!"), ("w", "1")]), max_size=2)
        )
        query = draw(st.lists(st.sampled_from([("q", "1"), ("q", "*")]), max_size=1))
        entries.append(
            Entry(
                parse_path(draw(st.sampled_from(paths))),
                index,
                index,
                hosts=tuple(parse_host(host) for host in hosts),
                methods=frozenset(draw(st.lists(st.sampled_from(METHODS), max_size=2))),
                headers=tuple(header_predicate(*pair) for pair in headers),
                query=tuple(query_predicate(*pair) for pair in query),
                order=draw(st.sampled_from([0, 0, 0, -1, 1])),
            )
        )
    return entries


PATHS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=4).flatmap(
    lambda parts: st.sampled_from(
        [b"/" + b"/".join(parts), b"/" + b"/".join([*parts, b""]) if parts else b"/"]
    )
)
HOSTS = st.sampled_from([b"h.com", b"x.h.com", b"y.x.h.com", b"z.com", b"org", b""])
QUERIES = st.sampled_from([b"", b"q=1", b"q=2", b"r=1"])
FIELDS = st.lists(st.sampled_from([(b"v", b"1"), (b"v", b"2"), (b"w", b"1")]), max_size=2)


def host_place(host: HostPattern) -> tuple[int, int]:
    return {HostKind.EXACT: 0, HostKind.SUFFIX: 1, HostKind.ANY: 2}[host.kind], -len(host.name)


def naive_order(entry: Entry, host: bytes, method: bytes) -> tuple[object, ...]:
    kinds = ["literal" if s.literal or not (s.kind > 1) else s.kind.name for s in entry.pattern.segments]
    rank = {"literal": 0, "PARAM": 1, "ONE": 2, "REST": 3}
    places = [host_place(pattern) for pattern in entry.host_patterns if pattern.matches(host)]
    return (
        entry.order,
        min(places),
        [rank[kind] for kind in kinds],
        not (method == b"HEAD" and b"HEAD" in entry.methods),
        -(bool(entry.methods) + len(entry.headers) + len(entry.query)),
        entry.index,
    )


def path_matches(text: str, path: bytes) -> bool:
    wanted, parts = text.split("/")[1:], path.decode().split("/")[1:]
    if wanted[-1] == "**":
        wanted.pop()
        parts = parts[: len(wanted)]
    return all(
        part is not None and (want == part or (bool(part) and want is not None and want[:1] in ("{", "*")))
        for want, part in zip_longest(wanted, parts)
    )


def holding(entries: list[Entry], host: bytes, path: bytes, query: bytes, fields: Fields) -> list[Entry]:
    return [
        entry
        for entry in entries
        if path_matches(entry.pattern.text, path)
        and any(pattern.matches(host) for pattern in entry.host_patterns)
        and all(predicate.holds(fields) for predicate in entry.headers)
        and all(predicate.holds(parse_query(query)) for predicate in entry.query)
    ]


def takes(entry: Entry, method: bytes) -> bool:
    return not entry.methods or method in entry.methods or (method == b"HEAD" and b"GET" in entry.methods)


@given(tables(), st.sampled_from([*METHODS, b"PUT"]), HOSTS, PATHS, QUERIES, FIELDS)
def test_the_table_finds_what_a_naive_search_finds(
    entries: list[Entry], method: bytes, host: bytes, path: bytes, query: bytes, fields: Fields
) -> None:
    result = RouteTable.build(entries).find(method, host, path, query, fields)
    held = holding(entries, host, path, query, fields)
    takers = [entry for entry in held if takes(entry, method)]
    if takers:
        best = min(takers, key=lambda entry: naive_order(entry, host, method))
        assert isinstance(result, Match)
        assert result.value == best.value
        assert (result.params or {}) == {
            want[1:-1]: part
            for want, part in zip(best.pattern.text.split("/"), path.split(b"/"), strict=False)
            if want.startswith("{")
        }
    else:
        assert isinstance(result, Miss)
        methods = {method for entry in held for method in entry.methods}
        assert set(result.allowed) == methods | ({b"HEAD"} if b"GET" in methods else set())


@given(tables(), st.sampled_from(METHODS), HOSTS, PATHS, QUERIES)
def test_a_preflight_without_announced_headers_finds_the_route_of_its_request(
    entries: list[Entry], asked: bytes, host: bytes, path: bytes, query: bytes
) -> None:
    table = RouteTable.build(entries)
    request = table.find(asked, host, path, query, [])
    preflight = table.find_preflight(asked, host, path, query, [])
    if isinstance(request, Match):
        assert isinstance(preflight, Match)
        assert preflight.value == request.value


@given(tables(), PATHS)
def test_a_pattern_matches_what_its_text_says(entries: list[Entry], path: bytes) -> None:
    for entry in entries:
        assert entry.pattern.matches(path) == path_matches(entry.pattern.text, path)


@given(tables(), st.sampled_from([*METHODS, b"PUT"]), HOSTS, PATHS, QUERIES, FIELDS)
def test_a_shadowed_route_never_wins(
    entries: list[Entry], method: bytes, host: bytes, path: bytes, query: bytes, fields: Fields
) -> None:
    held = holding(entries, host, path, query, fields)
    takers = [entry for entry in held if takes(entry, method)]
    if takers:
        winner = min(takers, key=lambda entry: naive_order(entry, host, method))
        assert winner not in [shadow.entry for shadow in shadows(RouteTable.build(entries))]


@given(tables(), st.data())
def test_a_route_written_twice_is_shadowed(entries: list[Entry], data: st.DataObject) -> None:
    twice = replace(data.draw(st.sampled_from(entries)), index=len(entries))
    found = {shadow.entry: shadow for shadow in shadows(RouteTable.build([*entries, twice]))}
    assert twice in found


@given(tables(), st.sampled_from([*METHODS, b"PUT"]), HOSTS, PATHS, QUERIES, FIELDS)
def test_an_explanation_agrees_with_the_search(
    entries: list[Entry], method: bytes, host: bytes, path: bytes, query: bytes, fields: Fields
) -> None:
    table = RouteTable.build(entries)
    result = table.find(method, host, path, query, fields)
    without_loss = [c.entry.value for c in explain(table, method, host, path, query, fields) if not c.losses]
    assert without_loss == ([result.value] if isinstance(result, Match) else [])
