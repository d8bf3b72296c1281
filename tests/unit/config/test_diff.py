"""What a reload changes, as it is told to an operator."""

from __future__ import annotations

import pytest

from portico.config.diff import diff
from tests.unit.config.language import SECRET, load
from tests.unit.config.test_loaded import ENV, WHOLE


def changed(*edits: tuple[str, str]) -> tuple[list[str], list[str]]:
    text = WHOLE
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1)
    difference = diff(load(WHOLE, ENV).settings, load(text, ENV).settings)
    return list(difference.lines), list(difference.restart)


def test_nothing() -> None:
    assert changed() == ([], [])


CRM = "  crm: {instances: "


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("breaker: off", "breaker: {volume: 3}", "service tickets changed: breaker"),
        ("errors: 20%", "errors: 30%", "service crm changed: breaker.errors"),
        ("sqlite://", "postgres://", "service tickets changed: env.DATABASE"),
        (CRM, "  more: {url: 'http://a'}\n" + CRM, "service more added"),
        ("roles: agent", "roles: user", "route GET,POST shop.example/tickets/** changed: authorize.roles"),
        ("security_headers: off", "security_headers: {}", "route crm changed: security_headers"),
        ("pass: Stripe-*", "pass: range", "route crm changed: headers.pass"),
        ("inherits: user", "inherits: []", "role agent changed: inherits"),
        ("require: tenant_id", "require: [a, b]", "identity users changed: jwt.require"),
        ("stall: off", "stall: 1s", "gateway.stall changed"),
        ("authenticate: users", "authenticate: []", "defaults.authenticate changed"),
        ("total: off", "total: 3s", "defaults.total changed"),
        ("total: off", "timeout: 3s", "defaults.timeout changed"),
        ("level: ${PORT}", "level: 2", "development.token.claims.level changed"),
    ],
)
def test_one_change(before: str, after: str, line: str) -> None:
    assert changed((before, after)) == ([line], [])


def test_routes() -> None:
    first = """\
  - match: "GET,POST shop.example/tickets/**"
    service: tickets
    authorize: {roles: agent}
    limits: {body: 50MiB}
"""
    assert changed((first, "")) == (["route GET,POST shop.example/tickets/** removed"], [])
    assert changed((first, first + first)) == (["route GET,POST shop.example/tickets/** #2 added"], [])
    assert changed((first, ""), ("development:\n", f"{first}development:\n")) == (
        ["routes are in another order"],
        [],
    )


def test_what_needs_a_restart() -> None:
    lines, restart = changed(("workers: ${WORKERS:-2}", "workers: 3"), ("name: shop", "data: ./other"))
    assert lines == ["gateway.name changed", "gateway.workers changed", "gateway.data changed"]
    assert restart == ["gateway.workers", "gateway.data"]
    assert changed((":${PORT}", ":3001")) == (["gateway.listen changed"], ["gateway.listen"])


def test_a_secret_is_not_told() -> None:
    old = load(WHOLE, ENV).settings
    new = load(WHOLE, {**ENV, "JWT_SECRET": SECRET[::-1]}).settings
    assert diff(old, new).lines == ("identity users changed: jwt.secret",)
