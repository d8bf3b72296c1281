"""What `portico explain` says about the routes that a request did not take."""

from __future__ import annotations

from portico.routing import (
    Entry,
    Lost,
    RouteTable,
    explain,
    header_predicate,
    parse_host,
    parse_path,
    query_predicate,
)
from portico.routing.predicates import Fields


def explained(
    entries: list[Entry],
    path: bytes,
    method: bytes = b"GET",
    host: bytes = b"a.com",
    query: bytes = b"",
    fields: Fields | None = None,
) -> list[tuple[object, list[str]]]:
    candidacies = explain(RouteTable.build(entries), method, host, path, query, fields or [])
    return [(c.entry.value, [loss.text for loss in c.losses]) for c in candidacies]


def test_each_loss_is_named() -> None:
    entries = [
        Entry(parse_path("/a/{id}"), "winner", 0, methods=frozenset({b"GET"})),
        Entry(parse_path("/a/**"), "later", 1),
        Entry(parse_path("/a/{id}"), "method", 2, methods=frozenset({b"PUT", b"DELETE"})),
        Entry(parse_path("/a/{id}"), "host", 3, hosts=(parse_host("b.com"), parse_host("*.c.com"))),
        Entry(parse_path("/a/{id}"), "header", 4, headers=(header_predicate("X-V", "2"),)),
        Entry(parse_path("/a/{id}"), "query", 5, query=(query_predicate("v", "*"),)),
        Entry(parse_path("/a/{id}/b"), "path", 6),
        Entry(parse_path("/z"), "far", 7),
    ]
    assert explained(entries, b"/a/1") == [
        ("winner", []),
        ("later", ["/a/{id} comes first by path"]),
        ("host", ["takes only b.com, *.c.com"]),
        ("method", ["takes only DELETE, PUT"]),
        ("header", ["wants x-v: 2"]),
        ("query", ["wants v present"]),
        ("path", ["/a/{id}/b does not match"]),
    ]


def test_the_criterion_that_decided_is_named() -> None:
    def decided_by(first: Entry, second: Entry, method: bytes = b"GET") -> str:
        return explained([first, second], b"/a", method)[1][1][0].removeprefix("/a comes first by ")

    path = parse_path("/a")
    get, head = frozenset({b"GET"}), frozenset({b"HEAD"})
    plain = Entry(path, "", 1)
    assert decided_by(plain, Entry(path, "", 0, order=-1)) == "order"
    assert decided_by(plain, Entry(path, "", 0, hosts=(parse_host("a.com"),))) == "host"
    assert decided_by(plain, Entry(path, "", 0, methods=get)) == "number of predicates"
    assert decided_by(plain, Entry(path, "", 0)) == "declaration"
    assert (
        decided_by(Entry(path, "", 0, methods=get), Entry(path, "", 1, methods=head), b"HEAD")
        == "naming HEAD"
    )


def test_a_route_with_several_hosts_stands_where_its_best_host_puts_it() -> None:
    entries = [
        Entry(parse_path("/a"), "suffix", 0, hosts=(parse_host("*.a.com"),)),
        Entry(parse_path("/a"), "both", 1, hosts=(parse_host("*.com"), parse_host("x.a.com"))),
    ]
    assert explained(entries, b"/a", host=b"x.a.com") == [
        ("both", []),
        ("suffix", ["/a comes first by host"]),
    ]


def test_without_a_winner_the_nearest_come_first() -> None:
    entries = [
        Entry(parse_path("/api/v1/users"), "users", 0),
        Entry(parse_path("/api/v1/tickets/{id}"), "ticket", 1),
        Entry(parse_path("/web"), "web", 2),
    ]
    assert [value for value, _ in explained(entries, b"/api/v1/tickets")] == ["ticket", "users"]
    assert explained(entries, b"/x") == []


def test_the_list_is_bounded() -> None:
    table = RouteTable.build(Entry(parse_path(f"/a/b{n}"), n, n) for n in range(20))
    candidacies = explain(table, b"GET", b"", b"/a/x", b"", [], limit=3)
    assert [c.entry.value for c in candidacies] == [0, 1, 2]
    assert candidacies[0].losses[0].by is Lost.PATH
