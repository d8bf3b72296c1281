"""May this caller do this? Roles or a permission, per method, judged from tables made at load.

A method that the map does not name is denied. The question "who may?" is answered at load for every permission that
a route asks for, so that a request costs one look-up per role. With an `owner`, callers who have the permission with
`-own` may as well, if the request names them there. Asking for what nobody can have is a mistake in the configuration
and reported as such (requirements 3.1, docs/access.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Discriminator, Field, PlainValidator, Tag, WithJsonSchema

from portico.config.models.identity import Permission
from portico.config.models.model import SettingsModel
from portico.config.models.route import METHODS, method
from portico.config.problems import did_you_mean
from portico.config.references import RoleName
from portico.config.values import Distinct, Maybe, OneOrMany, OrOff, refuse
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.authorize import Access, Demand
from portico.hooks.owners import InBody, InPath, InQuery, Owner
from portico.identity.roles import ADMINS_ONLY, OWN, Roles
from portico.observe.audit import Audit
from portico.routing import parse_path

ANY_METHOD = "*"
BODY_BYTES = 1 << 20  # of a body that names an owner; more is 413


def _asked(permission: str) -> str:
    if "*" in permission:
        raise refuse("{written} asks for many permissions at once", permission, "wildcards belong into roles")
    if permission.endswith(OWN):
        raise refuse(
            "{written} asks whose the resource is",
            permission,
            f"write {{permission: {permission.removesuffix(OWN)}, owner: …}}, and who has {permission} may",
        )
    return permission


AskedPermission = Annotated[Permission, AfterValidator(_asked)]


class RolesRule(SettingsModel):
    """Callers with one of these roles, or with a role that inherits one of them."""

    roles: Annotated[OneOrMany[RoleName], Distinct, Field(min_length=1)] = Field(description="Any of these.")

    def __str__(self) -> str:
        return f"role {' or '.join(self.roles)}"


_OWNER = re.compile(r"(?P<kind>param|query):(?P<name>\S+)\Z|body:(?P<pointer>(?:/(?:[^~/\s]|~[01])+)+)\Z")


@dataclass(frozen=True, slots=True)
class OwnerPlace:
    """Where a request names the owner of what it is about: `kind` is param, query or body. `str()` is as written."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def compile(self) -> Owner:
        """As the hook asks it."""
        if self.kind == "param":
            return InPath(self.name)
        return InQuery(self.name) if self.kind == "query" else InBody(self.name)


def _owner(value: object) -> OwnerPlace:
    found = _OWNER.match(value) if isinstance(value, str) else None
    if found is None:
        raise refuse(
            "{written} is no place of an owner", value, "write param:userId, query:userId or body:/user/id"
        )
    return OwnerPlace(found["kind"] or "body", found["name"] or found["pointer"])


Place = Annotated[
    OwnerPlace,
    PlainValidator(_owner),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(param:.+|query:.+|body:/.+)$",
            "examples": ["param:userId", "query:userId", "body:/user/id"],
        }
    ),
]


class PermissionRule(SettingsModel):
    """Callers with this permission; with `owner`, also those who have it with -own and are named there."""

    permission: AskedPermission = Field(description="Such as tickets:view.")
    owner: Maybe[Place] = Field(
        default=None,
        description="Where a request names whose the resource is: param:NAME, query:NAME or body:/POINTER.",
    )

    def __str__(self) -> str:
        return (
            self.permission
            if self.owner is None
            else f"{self.permission}, or {self.permission}{OWN} by {self.owner}"
        )


def _rule_kind(value: object) -> str:
    if isinstance(value, PermissionRule) or (
        isinstance(value, dict) and value.keys() & {"permission", "owner"}
    ):
        return "a permission with an owner"
    return "a list of roles" if isinstance(value, dict | RolesRule) else "a permission"


Rule = Annotated[
    Annotated[AskedPermission, Tag("a permission")]
    | Annotated[PermissionRule, Tag("a permission with an owner")]
    | Annotated[RolesRule, Tag("a list of roles")],
    Discriminator(_rule_kind),
]


def _kind(value: object) -> str:
    if isinstance(value, dict) and not value.keys() & {"roles", "permission", "owner"}:
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
Written = str | PermissionRule | RolesRule | dict[str, Any] | None


class AuthorizeStage(Stage[Written]):
    """`authorize: tickets:view | {roles: [agent]} | {GET: tickets:view, "*": tickets:write} | off`."""

    key: ClassVar[str] = "authorize"
    phase: ClassVar[Phase] = Phase.AUTHORIZE
    settings = OrOff[
        Annotated[
            Annotated[AskedPermission, Tag("a permission")]
            | Annotated[PermissionRule, Tag("a permission with an owner")]
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
        needs_body: int | None = None
        for name, rule in written.items():
            path = (name,) if isinstance(settings, dict) else ()
            demand = _demand(rule, roles, site, path)
            if isinstance(rule, PermissionRule) and rule.owner is not None and rule.owner.kind == "body":
                needs_body = BODY_BYTES
            table[name.encode("ascii")] = demand
        other = table.pop(ANY_METHOD.encode(), None)
        if b"GET" in table:
            table.setdefault(b"HEAD", table[b"GET"])
        if other is None and site.methods and site.methods.isdisjoint(table):
            site.problem("names no method that this route takes, so that nobody could call it")
        demands = [*table.values(), other] if other is not None else list(table.values())
        if all(roles.only_admins(demand.allowed | demand.own) for demand in demands):
            site.shared(ADMINS_ONLY, set[str]).add(site.route)
        access = Access(table, other, site.live("audit", Audit), roles)
        return Hooks(access.judge, needs_body=needs_body, reason=access.reason)

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


def _demand(
    rule: str | PermissionRule | RolesRule, roles: Roles, site: Site, path: tuple[str, ...]
) -> Demand:
    """A rule with the roles that fulfil it. What nobody can fulfil is reported."""
    if isinstance(rule, RolesRule):
        return Demand(str(rule), frozenset().union(*(roles.including(role) for role in rule.roles)))
    if isinstance(rule, str):
        rule = PermissionRule(permission=rule)
    permission, owner = rule.permission, rule.owner
    demand = Demand(
        permission,
        roles.granting(permission),
        permission,
        roles.granting(permission + OWN),
        None if owner is None else owner.compile(),
        str(owner or ""),
    )
    if not demand.allowed and not (owner and demand.own) and not _given_directly(site):
        site.problem(
            f'no role has the permission "{permission}"',
            *path,
            suggestion=did_you_mean(permission, roles.permissions()),
        )
    if owner is not None:
        if not demand.own and not _given_directly(site):
            site.problem(
                f'no role has the permission "{permission}{OWN}", so owner has no effect', *path, "owner"
            )
        if owner.kind == "param" and owner.name not in _params(site.template):
            site.problem(
                f"{site.template} has no parameter {owner.name}",
                *path,
                "owner",
                suggestion=did_you_mean(owner.name, _params(site.template)),
            )
    return demand


def _params(template: str) -> list[str]:
    return [name for name, _ in parse_path(template).captures]


def _given_directly(site: Site) -> bool:
    """Whether some callers may have permissions of their own, which only their proofs know."""
    for identity in site.settings.identity.values():
        for kind in identity.kinds:
            claims = getattr(getattr(identity, kind), "claims", None)
            if kind == "api_key" or (claims is not None and (claims.permissions or claims.scope)):
                return True
    return False
