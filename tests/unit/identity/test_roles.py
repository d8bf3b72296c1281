"""Roles, flattened: inheritance, wildcards at any place, and nothing more than was written."""

from __future__ import annotations

import pytest

from portico.config.models.identity import RoleSettings
from portico.identity.roles import Roles, covers


def roles(**written: dict[str, list[str]]) -> Roles:
    context = {"role": frozenset(written)}
    return Roles({name: RoleSettings.model_validate(role, context=context) for name, role in written.items()})


PSA = roles(
    admin={"permissions": ["*"], "inherits": ["manager"]},
    manager={"permissions": ["reports:*", "*:export"], "inherits": ["agent"]},
    agent={"permissions": ["tickets:*"], "inherits": ["user"]},
    user={"permissions": ["tickets:view", "profile:update-own"]},
    auditor={"permissions": ["*:view"]},
)


@pytest.mark.parametrize(
    ("permission", "names"),
    [
        ("tickets:view", {"admin", "manager", "agent", "user", "auditor"}),
        ("tickets:write", {"admin", "manager", "agent"}),
        ("tickets:export", {"admin", "manager", "agent"}),
        ("reports:view", {"admin", "manager", "auditor"}),
        ("invoices:export", {"admin", "manager"}),
        ("invoices:write", {"admin"}),
        ("profile:update-own", {"admin", "manager", "agent", "user"}),
    ],
)
def test_permission_belongs_to_those_who_were_given_it_or_inherit_it(
    permission: str, names: set[str]
) -> None:
    assert PSA.granting(permission) == names


def test_role_is_included_in_those_that_inherit_it() -> None:
    assert PSA.including("agent") == {"admin", "manager", "agent"}
    assert PSA.including("user") == {"admin", "manager", "agent", "user"}
    assert PSA.including("auditor") == {"auditor"}
    assert PSA.including("nobody") == set()


@pytest.mark.parametrize(
    ("granted", "asked", "covered"),
    [
        ("*", "a:b", True),
        ("a:b", "a:b", True),
        ("a:b", "a:c", False),
        ("a:b", "A:b", False),
        ("a:*", "a:b", True),
        ("a:*", "ab:b", False),
        ("*:b", "a:b", True),
        ("*:b", "a:bb", False),
        ("*:*", "a:b", True),
        ("a*:b", "abc:b", True),
        ("a*c:b", "abc:b", True),
        ("a*c:b", "abd:b", False),
        ("a:view*", "a:view-own", True),
        ("a.c:b", "abc:b", False),
    ],
)
def test_wildcard_stands_for_any_text_within_its_part(granted: str, asked: str, covered: bool) -> None:
    assert covers(granted, asked) is covered


def test_circle_ends() -> None:
    circle = roles(
        one={"permissions": ["a:b"], "inherits": ["two"]}, two={"permissions": [], "inherits": ["one"]}
    )
    assert circle.granting("a:b") == {"one", "two"}


def test_names_for_suggestions() -> None:
    assert "reports:*" in PSA.permissions()
    assert roles().permissions() == set()
    assert repr(PSA) == "<Roles admin, agent, auditor, manager, user>"
