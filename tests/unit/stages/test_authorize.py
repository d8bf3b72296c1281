"""Who may do what: roles, permissions, methods, and what is denied because nobody allowed it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from portico.config import ConfigurationError
from portico.exchange.exchange import Exchange
from portico.exchange.identity import Identity
from tests.unit.stages.site import Route, exchange

SECTIONS = """
roles:
  admin: {permissions: ["*"], inherits: [manager]}
  manager: {permissions: ["reports:*"], inherits: [agent]}
  agent: {permissions: ["tickets:*"], inherits: [user]}
  user: {permissions: ["tickets:view", "profile:update-own"]}
  auditor: {permissions: ["*:view"]}
"""


def route(folder: pathlib.Path, written: Any, methods: str = "", sections: str = SECTIONS) -> Route:
    return Route(folder, "authorize", written, sections, methods)


def caller(*roles: str, method: bytes = b"GET") -> Exchange:
    return exchange(method=method, identity=Identity("u-1", "users", "jwt", roles=roles, tenant="t-1"))


def allowed(where: Route, method: bytes = b"GET") -> set[str]:
    """The roles that may call with this method."""
    every = ("admin", "manager", "agent", "user", "auditor", "unheard-of")
    return {role for role in every if where.ask(caller(role, method=method)) is None}


def test_permission_for_every_method(tmp_path: pathlib.Path) -> None:
    view = route(tmp_path, "tickets:view")
    for method in (b"GET", b"DELETE", b"PROPFIND", b"invented"):
        assert allowed(view, method) == {"admin", "manager", "agent", "user", "auditor"}
    assert allowed(route(tmp_path, "tickets:write")) == {"admin", "manager", "agent"}
    assert allowed(route(tmp_path, "reports:view")) == {"admin", "manager", "auditor"}
    assert allowed(route(tmp_path, "invoices:write")) == {"admin"}


def test_roles_include_those_that_inherit_them(tmp_path: pathlib.Path) -> None:
    assert allowed(route(tmp_path, {"roles": ["agent"]})) == {"admin", "manager", "agent"}
    assert allowed(route(tmp_path, {"roles": "auditor"})) == {"auditor"}
    assert allowed(route(tmp_path, {"roles": ["manager", "auditor"]})) == {"admin", "manager", "auditor"}


def test_one_of_several_roles_is_enough(tmp_path: pathlib.Path) -> None:
    write = route(tmp_path, "tickets:write")
    assert write.ask(caller("user", "agent")) is None
    assert write.ask(caller("user", "auditor")) is not None
    assert write.ask(caller()) is not None


def test_each_method_asks_for_its_own(tmp_path: pathlib.Path) -> None:
    mixed = route(tmp_path, {"GET": "tickets:view", "DELETE": {"roles": ["manager"]}, "*": "tickets:write"})
    assert allowed(mixed, b"GET") == {"admin", "manager", "agent", "user", "auditor"}
    assert allowed(mixed, b"HEAD") == allowed(mixed, b"GET")
    assert allowed(mixed, b"DELETE") == {"admin", "manager"}
    assert allowed(mixed, b"POST") == {"admin", "manager", "agent"}
    assert allowed(mixed, b"get") == allowed(mixed, b"POST")


def test_head_may_have_a_rule_of_its_own(tmp_path: pathlib.Path) -> None:
    mixed = route(tmp_path, {"GET": "tickets:view", "HEAD": {"roles": ["admin"]}})
    assert allowed(mixed, b"HEAD") == {"admin"}


def test_method_that_is_not_named_is_denied_to_everybody(tmp_path: pathlib.Path) -> None:
    view = route(tmp_path, {"GET": "tickets:view"})
    assert allowed(view, b"POST") == set()
    failure = view.ask(caller("admin", method=b"POST"))
    assert failure is not None
    assert (failure.status, failure.code) == (403, "AUTHORIZATION_ERROR")
    assert failure.detail == "authorize does not name POST"


def test_refusal_says_why_in_the_log_only(tmp_path: pathlib.Path) -> None:
    write = route(tmp_path, {"GET": "tickets:view", "*": "tickets:write"})
    failure = write.ask(caller("user", "auditor", method=b"POST"))
    assert failure is not None
    assert (failure.status, failure.code, failure.text) == (403, "FORBIDDEN", "Insufficient permissions")
    assert failure.detail == "u-1 (user, auditor) lacks tickets:write"
    (line,) = write.audit()
    assert {name: line[name] for name in ("event", "severity", "userId", "tenantId", "code", "reason")} == {
        "event": "authorization_failed",
        "severity": "medium",
        "userId": "u-1",
        "tenantId": "t-1",
        "code": "FORBIDDEN",
        "reason": failure.detail,
    }
    failure = route(tmp_path, {"roles": ["agent", "auditor"]}).ask(caller())
    assert failure is not None
    assert failure.detail == "u-1 (no role) lacks role agent or auditor"


def test_nobody_is_not_somebody(tmp_path: pathlib.Path) -> None:
    failure = route(tmp_path, "tickets:view").ask(exchange())
    assert failure is not None
    assert (failure.status, failure.code) == (403, "AUTHORIZATION_ERROR")


@pytest.mark.parametrize("written", ["off", False])
def test_off_asks_nothing(tmp_path: pathlib.Path, written: Any) -> None:
    off = route(tmp_path, written)
    assert off.compile() is None
    assert off.explain() == "off: everybody who was let in may"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("tickets:view", "needs tickets:view"),
        ({"roles": ["agent", "auditor"]}, "needs role agent or auditor"),
        ({"GET": "tickets:view"}, "needs GET tickets:view, other methods are denied"),
        (
            {"GET": "tickets:view", "*": {"roles": ["agent"]}},
            "needs GET tickets:view, other methods role agent",
        ),
    ],
)
def test_explain_says_who_may(tmp_path: pathlib.Path, written: Any, text: str) -> None:
    assert route(tmp_path, written).explain() == text


def test_permission_that_nobody_has_is_a_problem(tmp_path: pathlib.Path) -> None:
    sections = SECTIONS.replace('["*"]', '["users:*"]')
    assert route(tmp_path, "tickts:write", sections=sections).problems() == [
        'routes[0].authorize: no role has the permission "tickts:write" – did you mean "tickets:view"?'
    ]
    assert route(tmp_path, {"GET": "tickets:view", "PUT": "zzz:zzz"}, sections=sections).problems() == [
        'routes[0].authorize.PUT: no role has the permission "zzz:zzz"'
    ]


def test_map_without_any_method_of_the_route_is_a_problem(tmp_path: pathlib.Path) -> None:
    assert route(tmp_path, {"GET": "tickets:view"}, "POST,PUT").problems() == [
        "routes[0].authorize: names no method that this route takes, so that nobody could call it"
    ]
    assert route(tmp_path, {"GET": "tickets:view", "DELETE": "tickets:write"}, "GET").problems() == []
    assert route(tmp_path, {"GET": "tickets:view"}, "HEAD").problems() == []
    assert route(tmp_path, {"*": "tickets:view"}, "POST").problems() == []


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("tickets", '"tickets" is no permission – write resource:action'),
        (
            "tickets:view-own",
            '"tickets:view-own" asks whose the resource is – write {permission: tickets:view, owner: …}',
        ),
        ({"GET": "tickets:view-own"}, "and who has tickets:view-own may"),
        (
            {"permission": "tickets:view", "owner": "userId"},
            '"userId" is no place of an owner – write param:userId',
        ),
        ({"permission": "tickets:view", "owner": "header:x-user"}, '"header:x-user" is no place of an owner'),
        ({"permission": "tickets:view", "owner": "body:user"}, '"body:user" is no place of an owner'),
        ({"permission": "tickets:view", "owner": "body:/a~2"}, '"body:/a~2" is no place of an owner'),
        (
            {"permission": "tickets:view-own", "owner": "query:u"},
            '"tickets:view-own" asks whose the resource is',
        ),
        ({"owner": "query:userId"}, "routes[0].authorize: required but missing"),
        ("*", '"*" asks for many permissions at once – wildcards belong into roles'),
        ("tickets:*", "wildcards belong into roles"),
        ({"roles": ["agnt"]}, 'unknown role "agnt" – did you mean "agent"?'),
        ({"roles": []}, "authorize"),
        ({"roles": ["agent"], "GET": "tickets:view"}, "GET"),
        ({"GTE": "tickets:view"}, '"GTE" is no method – did you mean "GET"?'),
        ({"get": "tickets:view"}, '"get" is no method – write GET'),
        ({"GET": {"roles": ["nobody"]}}, 'unknown role "nobody"'),
        ({}, "authorize"),
        ([], "is no permission"),
        (7, "7 is no permission"),
        (None, "nothing is written here – write a value, or off"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: pathlib.Path, written: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        route(tmp_path, written)
    assert reason in str(caught.value)


def test_what_nobody_has_or_names_is_a_mistake(tmp_path: pathlib.Path) -> None:
    def problems(written: Any, sections: str = SECTIONS) -> list[str]:
        return route(tmp_path, written, sections=sections).problems()

    assert problems({"permission": "profile:update", "owner": "query:id"}) == []
    assert problems({"permission": "profile:delete", "owner": "query:id"}) == [], (
        "an admin may, by his *, and what is his own likewise"
    )
    sections = "roles: {user: {permissions: ['tickets:view', 'profile:update-own']}}"
    assert problems({"permission": "profile:delete", "owner": "query:id"}, sections) == [
        'routes[0].authorize: no role has the permission "profile:delete" – did you mean "profile:update-own"?',
        'routes[0].authorize.owner: no role has the permission "profile:delete-own", so owner has no effect',
    ]
    assert problems({"GET": {"permission": "profile:update", "owner": "param:id"}, "*": "tickets:view"}) == [
        "routes[0].authorize.GET.owner: /tickets/** has no parameter id"
    ]
    keys = sections + "\nidentity: {programs: {api_key: {}}}"
    assert problems("invoices:write", keys) == [], "a key may be given what no role has"


def test_the_reason_says_who_lends_a_permission(tmp_path: pathlib.Path) -> None:
    hooks = route(tmp_path, {"GET": "tickets:view", "POST": {"roles": ["agent"]}}).compile()
    assert hooks is not None
    assert hooks.reason is not None
    assert hooks.reason(caller("user")) == "role user has tickets:view"
    assert hooks.reason(caller("agent")) == "role agent has tickets:*"
    assert hooks.reason(caller("manager")) == "role manager has tickets:* by way of agent"
    assert hooks.reason(caller("admin")) == "role admin has *"
    assert hooks.reason(caller("manager", method=b"POST")) == "role manager is enough for role agent"
