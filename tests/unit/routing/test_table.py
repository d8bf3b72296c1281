"""The documented order of routes, methods and hosts, each rule by an example."""

from __future__ import annotations

import pytest

from portico.routing import (
    Entry,
    Match,
    Miss,
    RouteTable,
    header_predicate,
    parse_host,
    parse_path,
    query_predicate,
)
from portico.routing.predicates import Fields


def entry(
    index: int,
    path: str,
    *methods: bytes,
    hosts: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    order: int = 0,
) -> Entry:
    return Entry(
        parse_path(path),
        f"route {index}",
        index,
        hosts=tuple(parse_host(host) for host in hosts),
        methods=frozenset(methods),
        headers=tuple(header_predicate(name, value) for name, value in (headers or {}).items()),
        query=tuple(query_predicate(name, value) for name, value in (query or {}).items()),
        order=order,
    )


def found(
    table: RouteTable,
    path: bytes,
    method: bytes = b"GET",
    host: bytes = b"example.com",
    query: bytes = b"",
    fields: Fields | None = None,
) -> object:
    """The winner's index, or the allowed methods of a miss."""
    result = table.find(method, host, path, query, fields or [])
    return result.allowed if isinstance(result, Miss) else int(str(result.value).removeprefix("route "))


def test_literal_before_parameter_before_star_before_rest() -> None:
    table = RouteTable.build(
        [entry(0, "/a/**"), entry(1, "/a/*"), entry(2, "/a/{id}"), entry(3, "/a/b"), entry(4, "/a/*/c")]
    )
    assert [found(table, path) for path in (b"/a/b", b"/a/x", b"/a", b"/a/", b"/a/x/c", b"/a/x/d")] == [
        3,
        2,
        0,
        0,
        4,
        0,
    ]


def test_the_leftmost_difference_decides() -> None:
    table = RouteTable.build([entry(0, "/{x}/b/c"), entry(1, "/a/{y}/{z}"), entry(2, "/a/**")])
    assert found(table, b"/a/b/c") == 1
    assert found(table, b"/q/b/c") == 0


def test_the_search_comes_back_from_a_dead_end() -> None:
    table = RouteTable.build([entry(0, "/a/{x}/c"), entry(1, "/a/b/d"), entry(2, "/*/b/e"), entry(3, "/**")])
    assert found(table, b"/a/b/c") == 0
    assert found(table, b"/a/b/d") == 1
    assert found(table, b"/a/b/e") == 2
    assert found(table, b"/a/b/f") == 3


def test_a_route_that_ends_here_wins_over_the_rest_of_nothing() -> None:
    table = RouteTable.build([entry(0, "/a/**"), entry(1, "/a")])
    assert found(table, b"/a") == 1
    assert found(table, b"/a/") == 0


def test_order_comes_before_everything() -> None:
    table = RouteTable.build([entry(0, "/a/b", hosts=("example.com",)), entry(1, "/**", order=-1)])
    assert found(table, b"/a/b") == 1
    table = RouteTable.build([entry(0, "/a/b", order=1), entry(1, "/**"), entry(2, "/{x}/b", order=-5)])
    assert found(table, b"/a/b") == 2
    assert found(table, b"/a/c") == 1


def test_exact_host_before_longer_suffix_before_shorter_before_any() -> None:
    table = RouteTable.build(
        [
            entry(0, "/a"),
            entry(1, "/a", hosts=("*.com",)),
            entry(2, "/a", hosts=("*.example.com",)),
            entry(3, "/a", hosts=("x.example.com", "y.example.com")),
            entry(4, "/only/any"),
        ]
    )
    hosts = (
        b"x.example.com",
        b"y.example.com",
        b"z.example.com",
        b"q.z.example.com",
        b"example.com",
        b"a.org",
    )
    assert [found(table, b"/a", host=host) for host in hosts] == [3, 3, 2, 2, 1, 0]
    assert found(table, b"/a", host=b"x.example.com.") == 3
    assert found(table, b"/a", host=b".example.com") == 1
    assert found(table, b"/only/any", host=b"x.example.com") == 4


def test_more_predicates_before_fewer_then_declaration() -> None:
    table = RouteTable.build(
        [
            entry(0, "/a"),
            entry(1, "/a", b"GET"),
            entry(2, "/a", b"GET", headers={"x-v": "2"}),
            entry(3, "/a", b"GET", headers={"x-v": "*"}),
            entry(4, "/a", headers={"x-v": "2"}, query={"q": "1"}, hosts=()),
        ]
    )
    assert found(table, b"/a") == 1
    assert found(table, b"/a", b"PUT") == 0
    assert found(table, b"/a", fields=[(b"x-v", b"2")]) == 2
    assert found(table, b"/a", fields=[(b"x-v", b"3")]) == 3
    assert found(table, b"/a", b"PUT", fields=[(b"x-v", b"2")], query=b"q=1") == 4


@pytest.mark.parametrize("any_first", [True, False])
def test_a_route_for_any_method_takes_what_one_for_this_method_leaves(any_first: bool) -> None:
    entries = [entry(0, "/a"), entry(1, "/a", b"GET", headers={"x-v": "2"})]
    table = RouteTable.build(entries if any_first else reversed(entries))
    assert found(table, b"/a", fields=[(b"x-v", b"2")]) == 1
    assert found(table, b"/a", fields=[(b"x-v", b"1")]) == 0
    assert found(table, b"/a", b"PUT") == 0


def test_a_branch_with_a_lower_order_does_not_bring_its_other_routes_along() -> None:
    table = RouteTable.build(
        [entry(0, "/a/b"), entry(1, "/a/{x}", order=-1, headers={"x-v": "1"}), entry(2, "/a/{x}")]
    )
    assert found(table, b"/a/b") == 0
    assert found(table, b"/a/b", fields=[(b"x-v", b"1")]) == 1


def test_a_method_that_no_route_takes_is_405_with_allow() -> None:
    table = RouteTable.build([entry(0, "/a", b"GET"), entry(1, "/a", b"POST"), entry(2, "/{x}", b"DELETE")])
    assert found(table, b"/a", b"PUT") == (b"DELETE", b"GET", b"HEAD", b"POST")
    assert found(table, b"/b", b"GET") == (b"DELETE",)
    assert found(table, b"/a/b") == ()


def test_allow_counts_only_routes_whose_other_predicates_hold() -> None:
    table = RouteTable.build(
        [entry(0, "/a", b"GET", headers={"x-v": "1"}), entry(1, "/a", b"PUT", hosts=("a.com",))]
    )
    assert found(table, b"/a", b"POST") == ()
    assert found(table, b"/a", b"POST", fields=[(b"x-v", b"1")], host=b"a.com") == (b"GET", b"HEAD", b"PUT")


def test_head_goes_where_get_goes_unless_a_route_names_it() -> None:
    table = RouteTable.build([entry(0, "/a", b"GET"), entry(1, "/**")])
    assert found(table, b"/a", b"HEAD") == 0
    table = RouteTable.build(
        [entry(0, "/a", b"GET", headers={"x": "*"}), entry(1, "/a", b"HEAD"), entry(2, "/a")]
    )
    assert found(table, b"/a", b"HEAD", fields=[(b"x", b"")]) == 1
    assert found(table, b"/a", b"GET", fields=[(b"x", b"")]) == 0
    table = RouteTable.build([entry(0, "/{x}", b"HEAD"), entry(1, "/a", b"GET")])
    assert found(table, b"/a", b"HEAD") == 1


def test_a_preflight_goes_where_its_request_would_go() -> None:
    table = RouteTable.build(
        [
            entry(0, "/a", b"GET"),
            entry(1, "/a", b"PUT", headers={"x-v": "2"}),
            entry(2, "/a", b"PUT"),
            entry(3, "/a", b"OPTIONS"),
            entry(4, "/b", b"GET"),
        ]
    )

    def preflight(asked: bytes, path: bytes = b"/a", announced: bytes = b"") -> object:
        fields = [(b"access-control-request-headers", announced)]
        result = table.find_preflight(asked, b"", path, b"", fields)
        return result.value if isinstance(result, Match) else result.allowed

    assert preflight(b"GET") == "route 0"
    assert preflight(b"PUT") == "route 2"
    assert preflight(b"PUT", announced=b"content-type, X-V") == "route 1"
    assert preflight(b"DELETE") == "route 3"
    assert preflight(b"DELETE", b"/b") == (b"GET", b"HEAD")
    assert preflight(b"GET", b"/c") == ()


def test_parameters_are_raw_bytes_of_the_path() -> None:
    table = RouteTable.build([entry(0, "/a/{id}/{note}"), entry(1, "/b")])
    match = table.find(b"GET", b"", b"/a/x%20y/7", b"", [])
    assert isinstance(match, Match)
    assert match.params == {"id": b"x%20y", "note": b"7"}
    plain = table.find(b"GET", b"", b"/b", b"", [])
    assert isinstance(plain, Match)
    assert plain.params is None


@pytest.mark.parametrize("order", [-(1 << 31) - 1, 1 << 31])
def test_an_order_beyond_32_bits_is_refused(order: int) -> None:
    with pytest.raises(ValueError, match="order must be between"):
        RouteTable.build([entry(0, "/a", order=order)])


def test_an_empty_table_misses() -> None:
    assert found(RouteTable.build([]), b"/") == ()
