"""Header and query predicates: what holds, what one says about another."""

from __future__ import annotations

import pytest

from portico.routing import Predicate, header_predicate, query_predicate
from portico.routing.predicates import Conditions, parse_query

FIELDS = [(b"accept", b"*/*"), (b"x-version", b"1"), (b"x-version", b"2"), (b"x-empty", b"")]


@pytest.mark.parametrize(
    ("name", "written", "holds"),
    [
        ("X-Version", "2", True),
        ("x-version", "1", True),
        ("x-version", "3", False),
        ("x-version", "*", True),
        ("x-version", "!", False),
        ("x-other", "*", False),
        ("x-other", "!", True),
        ("x-empty", "*", True),
        ("x-empty", "", True),
    ],
)
def test_a_header_predicate(name: str, written: str, holds: bool) -> None:
    assert header_predicate(name, written).holds(FIELDS) is holds


@pytest.mark.parametrize(
    ("query", "name", "written", "holds"),
    [
        (b"v=2", "v", "2", True),
        (b"a=1&v=2", "v", "2", True),
        (b"v=1&v=2", "v", "2", True),
        (b"v", "v", "*", True),
        (b"v", "v", "", True),
        (b"v=a+b%26", "v", "a b&", True),
        (b"%76=2", "v", "2", True),
        (b"v=%C3%A9", "v", "é", True),
        (b"vv=2", "v", "*", False),
        (b"", "v", "*", False),
        (b"&&v=!&", "v", "!", True),
    ],
)
def test_a_query_predicate(query: bytes, name: str, written: str, holds: bool) -> None:
    assert query_predicate(name, written).holds(parse_query(query)) is holds


def test_conditions_hold_together_only() -> None:
    both = Conditions((header_predicate("x-version", "2"),), (query_predicate("v", "*"),))
    assert both.hold(b"v=1", FIELDS)
    assert not both.hold(b"", FIELDS)
    assert not both.hold(b"v=1", [])


def test_a_preflight_counts_announced_headers_as_present() -> None:
    announced = frozenset({b"x-version"})
    assert Conditions((header_predicate("x-version", "7"),), ()).may_hold(b"", [], announced)
    assert Conditions((header_predicate("x-version", "*"),), ()).may_hold(b"", [], announced)
    assert not Conditions((header_predicate("x-version", "!"),), ()).may_hold(b"", [], announced)
    assert not Conditions((header_predicate("x-other", "*"),), ()).may_hold(b"", [], announced)
    assert not Conditions((), (query_predicate("v", "1"),)).may_hold(b"v=2", [], announced)


def test_what_covers_what() -> None:
    def header(written: str) -> Predicate:
        return header_predicate("a", written)

    assert header("*").covers(header("1"))
    assert header("1").covers(header("1"))
    assert not header("1").covers(header("*"))
    assert not header("1").covers(header("2"))
    assert not header("*").covers(header("!"))
    assert not header("*").covers(header_predicate("b", "1"))


def test_a_predicate_says_what_it_asks() -> None:
    assert [str(header_predicate("A", written)) for written in ("1", "*", "!")] == [
        "a: 1",
        "a present",
        "a absent",
    ]
