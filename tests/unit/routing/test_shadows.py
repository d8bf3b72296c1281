"""Which routes are reported as never reached, and which are not."""

from __future__ import annotations

import pytest

from portico.routing import Entry, RouteTable, header_predicate, parse_host, parse_path, shadows


def reported(*entries: Entry) -> list[tuple[int, list[int], bool]]:
    found = shadows(RouteTable.build(entries))
    return [(s.entry.index, [winner.index for winner in s.by], s.duplicate) for s in found]


def route(
    index: int, path: str, *methods: bytes, hosts: tuple[str, ...] = (), order: int = 0, **headers: str
) -> Entry:
    return Entry(
        parse_path(path),
        None,
        index,
        hosts=tuple(parse_host(host) for host in hosts),
        methods=frozenset(methods),
        headers=tuple(header_predicate(name, value) for name, value in headers.items()),
        order=order,
    )


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (route(0, "/a"), route(1, "/a"), [(1, [0], True)]),
        (route(0, "/a/{id}"), route(1, "/a/{name}"), [(1, [0], True)]),
        (route(0, "/a/{id}"), route(1, "/a/*"), [(1, [0], False)]),
        (route(0, "/a/**", order=-1), route(1, "/a"), [(1, [0], False)]),
        (route(0, "/a/**", order=-1), route(1, "/a/", b"GET"), [(1, [0], False)]),
        (route(0, "/**", order=-1), route(1, "/a", hosts=("a.com",), v="1"), [(1, [0], False)]),
        (route(0, "/a", b"GET", b"PUT"), route(1, "/a", b"GET"), [(1, [0], False)]),
        (route(0, "/a", hosts=("*.a.com",), order=-1), route(1, "/a", hosts=("x.a.com",)), [(1, [0], False)]),
        (route(0, "/a", hosts=("*.com",), order=-1), route(1, "/a", hosts=("*.a.com",)), [(1, [0], False)]),
        (route(0, "/a", v="*", order=-1), route(1, "/a", v="1"), [(1, [0], False)]),
        (route(0, "/a", b"HEAD"), route(1, "/a", b"GET"), []),
        (route(0, "/a", b"GET"), route(1, "/a", b"HEAD"), []),
        (route(0, "/a", b"GET", order=-1), route(1, "/a", b"HEAD"), [(1, [0], False)]),
        (route(0, "/a"), route(1, "/a/"), []),
        (route(0, "/a"), route(1, "/**"), []),
        (route(0, "/a/**"), route(1, "/a"), []),
        (route(0, "/{x}/**", order=-1), route(1, "/**"), []),
        (route(0, "/{x}", order=-1), route(1, "/"), []),
        (route(0, "/a/*", order=-1), route(1, "/a/**"), []),
        (route(0, "/a", b"GET"), route(1, "/a"), []),
        (route(0, "/a", hosts=("a.com",)), route(1, "/a", hosts=("a.com", "b.com")), []),
        (route(0, "/a", hosts=("*.a.com",), order=-1), route(1, "/a", hosts=("a.com",)), []),
        (route(0, "/a", v="1", order=-1), route(1, "/a", v="*"), []),
        (route(0, "/a", v="!"), route(1, "/a", v="1"), []),
    ],
)
def test_one_route_against_another(
    first: Entry, second: Entry, found: list[tuple[int, list[int], bool]]
) -> None:
    assert reported(first, second) == found


def test_several_routes_can_take_everything_together() -> None:
    assert reported(route(0, "/a", b"GET"), route(1, "/a", b"PUT"), route(2, "/a", b"GET", b"PUT")) == [
        (2, [0, 1], False)
    ]
    assert reported(
        route(0, "/a", hosts=("a.com",)),
        route(1, "/a", hosts=("b.com",)),
        route(2, "/a", hosts=("b.com", "a.com")),
    ) == [(2, [1, 0], False)]
