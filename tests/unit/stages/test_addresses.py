"""What may be written about addresses, and what is said of it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from portico.config import ConfigurationError
from portico.exchange.failure import Failure
from tests.unit.stages.site import Route, exchange


def route(folder: pathlib.Path, written: Any) -> Route:
    return Route(folder, "addresses", written, "")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({}, "names no network"),
        ({"allow": []}, "names no network"),
        ({"deny": "10.0.0.1/8"}, '"10.0.0.1/8" has bits set behind its prefix – write 10.0.0.0/8'),
        ({"deny": "example.com"}, '"example.com" is no network'),
        ({"deny": ["10.0.0.1", "10.0.0.1"]}, '"10.0.0.1/32" is listed twice'),
        ("10.0.0.0/8", "must be"),
    ],
)
def test_what_lists_nothing_is_refused(tmp_path: pathlib.Path, written: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        route(tmp_path, written)
    assert problem in str(refused.value)


def test_what_is_let_in_and_kept_out_at_once_is_a_mistake(tmp_path: pathlib.Path) -> None:
    written = {"allow": ["10.1.0.0/16", "192.0.2.1", "::1"], "deny": ["10.0.0.0/8", "::/0"]}
    assert route(tmp_path, written).problems() == [
        "routes[0].addresses.allow[0]: 10.1.0.0/16 is kept out by deny, which wins",
        "routes[0].addresses.allow[2]: ::1/128 is kept out by deny, which wins",
    ]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"deny": "10.0.0.0/8"}, "keeps out 10.0.0.0/8"),
        (
            {"allow": ["10.0.0.0/8", "::1"], "deny": "10.0.0.1"},
            "keeps out 10.0.0.1/32 and lets in only 10.0.0.0/8, ::1/128",
        ),
        (
            {"deny": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]},
            "keeps out 10.0.0.1/32, 10.0.0.2/32, 10.0.0.3/32 and 1 more",
        ),
        ("off", "off"),
    ],
)
def test_explain(tmp_path: pathlib.Path, written: Any, text: str) -> None:
    assert route(tmp_path, written).explain() == text


def test_off_does_nothing(tmp_path: pathlib.Path) -> None:
    assert route(tmp_path, "off").compile() is None


def test_the_refused_are_in_the_audit_log_once_a_second(tmp_path: pathlib.Path) -> None:
    where = route(tmp_path, {"deny": "192.0.2.0/24"})
    hooks = where.compile()
    assert hooks is not None
    assert hooks.on_request is not None
    for now in (1.0, 1.2, 1.9, 2.1):
        failure = hooks.on_request(exchange(now=now))
        assert isinstance(failure, Failure)
        assert (failure.status, failure.code) == (403, "ADDRESS_DENIED")
        assert failure.detail == "192.0.2.7 is not let in by the route's addresses"
    assert [(line["event"], line["severity"], line["ip"], line["refused"]) for line in where.audit()] == [
        ("address_denied", "medium", "192.0.2.7", 1),
        ("address_denied", "medium", "192.0.2.7", 3),
    ]
