"""May this caller do this? Roles or a permission, per method, judged from tables made at load.

A method that the map does not name is denied. The question "who may?" is answered at load for every permission that
a route asks for, so that a request costs one look-up per role. Asking for what nobody can have is a mistake in the
configuration and reported as such (requirements 3.1).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Discriminator, Field, PlainValidator, Tag, WithJsonSchema

from portico.config.models.identity import Permission
from portico.config.models.model import SettingsModel
from portico.config.models.route import METHODS, method
from portico.config.problems import did_you_mean
from portico.config.references import RoleName
from portico.config.values import Distinct, OneOrMany, OrOff, refuse
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.authorize import Access, Demand
from portico.identity.roles import Roles
from portico.observe.audit import Audit

ANY_METHOD = "*"
OWN = "-own"


def _asked(permission: str) -> str:
    if "*" in permission:
        raise refuse("{written} asks for many permissions at once", permission, "wildcards belong into roles")
    if permission.endswith(OWN):
        raise refuse(
            "{written} asks whose the resource is, which the gateway cannot know yet",
            permission,
            f"ask for {permission.removesuffix(OWN)} here and let the service check the owner",
        )
    return permission


AskedPermission = Annotated[Permission, AfterValidator(_asked)]


class RolesRule(SettingsModel):
    """Callers with one of these roles, or with a role that inherits one of them."""

    roles: Annotated[OneOrMany[RoleName], Distinct, Field(min_length=1)] = Field(description="Any of these.")

    def __str__(self) -> str:
        return f"role {' or '.join(self.roles)}"


def _rule_kind(value: object) -> str:
    return "a list of roles" if isinstance(value, dict | RolesRule) else "a permission"


Rule = Annotated[
    Annotated[AskedPermission, Tag("a permission")] | Annotated[RolesRule, Tag("a list of roles")],
    Discriminator(_rule_kind),
]


def _kind(value: object) -> str:
    if isinstance(value, dict) and "roles" not in value:
        return "a rule per method"
    return _rule_kind(value)


def _method(value: object) -> str:
    return ANY_METHOD if value == ANY_METHOD else method(value)


MethodOrAny = Annotated[
    str, PlainValidator(_method), WithJsonSchema({"enum": [ANY_METHOD, *sorted(METHODS)]})
]
Rules = Annotated[
    dict[MethodOrAny, Rule],
    Field(
        min_length=1, description='What each method needs, "*" all others; one that is not named is denied.'
    ),
]
Written = str | RolesRule | dict[str, Any] | None


class AuthorizeStage(Stage[Written]):
    """`authorize: tickets:view | {roles: [agent]} | {GET: tickets:view, "*": tickets:write} | off`."""

    key: ClassVar[str] = "authorize"
    phase: ClassVar[Phase] = Phase.AUTHORIZE
    settings = OrOff[
        Annotated[
            Annotated[AskedPermission, Tag("a permission")]
            | Annotated[RolesRule, Tag("a list of roles")]
            | Annotated[Rules, Tag("a rule per method")],
            Discriminator(_kind),
        ]
    ]
    summary: ClassVar[str] = "What callers must be allowed to do: a permission, roles, or either per method."

    def compile(self, settings: Written, site: Site) -> Hooks | None:
        """One look-up table for the route; none at all where it is off."""
        if settings is None:
            return None
        roles = site.shared("roles", lambda: Roles(site.settings.roles))
        written = settings if isinstance(settings, dict) else {ANY_METHOD: settings}
        table: dict[bytes, Demand] = {}
        for name, rule in written.items():
            demand = Demand(str(rule), _allowed(rule, roles))
            if not demand.allowed:
                path = (name,) if isinstance(settings, dict) else ()
                site.problem(
                    f'no role has the permission "{rule}"',
                    *path,
                    suggestion=did_you_mean(rule, roles.permissions()),
                )
            table[name.encode("ascii")] = demand
        other = table.pop(ANY_METHOD.encode(), None)
        if b"GET" in table:
            table.setdefault(b"HEAD", table[b"GET"])
        if other is None and site.methods and site.methods.isdisjoint(table):
            site.problem("names no method that this route takes, so that nobody could call it")
        return Hooks(on_request=Access(table, other, site.live("audit", Audit)).judge)

    def explain(self, settings: Written) -> str:
        """Who may, per method."""
        if settings is None:
            return "off: everybody who was let in may"
        if not isinstance(settings, dict):
            return f"needs {settings}"
        named = [
            f"{'other methods' if method == ANY_METHOD else method} {rule}"
            for method, rule in settings.items()
        ]
        rest = [] if ANY_METHOD in settings else ["other methods are denied"]
        return f"needs {', '.join(named + rest)}"


def _allowed(rule: str | RolesRule, roles: Roles) -> frozenset[str]:
    if isinstance(rule, str):
        return roles.granting(rule)
    return frozenset().union(*(roles.including(role) for role in rule.roles))
