"""The hook that asks whether a proven caller may: one look-up by method, one by role, in tables made at load.

What the tables hold is decided in `stages.authorize`; here is only what runs for every request. A caller has what
their roles have and what they were given themselves; one whose credential is scoped has the latter alone. With
`permission-own` only they may whom the request names as the owner.
"""

from __future__ import annotations

from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHORIZATION_ERROR, FORBIDDEN, Failure
from portico.exchange.identity import Identity
from portico.identity.roles import OWN, Roles, covers
from portico.observe.audit import Audit

from .owners import Owner

_NOTHING, _THEIRS, _ALL = 0, 1, 2
_REMEMBERED = 256  # sets of direct permissions that a demand has judged
_NOBODY = frozenset[str]()


class Demand:
    """What is asked for, and the roles that fulfil it: `allowed` for whatever it is about, `own` for what is theirs.

    `permission` is empty where roles are asked for. `owner` finds whose it is, and `where` says how; None where the
    route does not tell, so that `own` helps nobody.
    """

    __slots__ = ("_known", "allowed", "own", "owner", "permission", "text", "where")

    def __init__(
        self,
        text: str,
        allowed: frozenset[str],
        permission: str = "",
        own: frozenset[str] = _NOBODY,
        owner: Owner | None = None,
        where: str = "",
    ) -> None:
        self.text = text
        self.allowed = allowed
        self.permission = permission
        self.own = own
        self.owner = owner
        self.where = where
        self._known: dict[tuple[str, ...], int] = {}

    def given(self, permissions: tuple[str, ...]) -> int:
        """How far direct permissions go."""
        reach = self._known.get(permissions)
        if reach is None:
            reach = _NOTHING
            if self.permission:
                for one in permissions:
                    if covers(one, self.permission):
                        reach = _ALL
                        break
                    if covers(one, self.permission + OWN):
                        reach = _THEIRS
            if len(self._known) < _REMEMBERED:
                self._known[permissions] = reach
        return reach


class Access:
    """One route's table: method → demand."""

    __slots__ = ("_audit", "_other", "_roles", "_table")

    def __init__(self, table: dict[bytes, Demand], other: Demand | None, audit: Audit, roles: Roles) -> None:
        self._table = table
        self._other = other
        self._audit = audit
        self._roles = roles

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        identity = x.identity
        if identity is None:
            # Not 401: no stage of this route would look at credentials, so asking for some would mislead.
            return self._refuse(x, AUTHORIZATION_ERROR, "nobody was proven before authorize was asked")
        demand = self._table.get(x.request.method, self._other)
        if demand is None:
            return self._refuse(
                x, AUTHORIZATION_ERROR, f"authorize does not name {x.request.method.decode('latin-1')}"
            )
        held = identity.roles
        if x.venue is not None and x.venue.roles is not None:
            held = x.venue.roles  # what they are there, whatever they are elsewhere
        if not identity.scoped and not demand.allowed.isdisjoint(held):
            return None
        reach = demand.given(identity.permissions) if identity.permissions else _NOTHING
        if reach == _ALL:
            return None
        if reach == _NOTHING and not identity.scoped and not demand.own.isdisjoint(held):
            reach = _THEIRS
        if reach == _THEIRS and demand.owner is not None and demand.owner.is_called(x, identity.subject):
            return None
        return self._refuse(x, FORBIDDEN, _why_not(identity, held, demand, reach))

    def reason(self, x: Exchange) -> str:
        """Why `judge` has let this exchange pass, for `portico explain`."""
        identity = x.identity
        demand = self._table.get(x.request.method, self._other)
        if identity is None or demand is None:
            return ""
        held = identity.roles
        if x.venue is not None and x.venue.roles is not None:
            held = x.venue.roles
        for asked in (demand.permission, demand.permission + OWN):
            theirs = "" if asked == demand.permission else f", and {demand.where} names them"
            for permission in identity.permissions if demand.permission else ():
                if covers(permission, asked):
                    return f"it was given {permission} itself{theirs}"
            for role in () if identity.scoped else held:
                if demand.permission:
                    grant = self._roles.grant(role, asked)
                    if grant:
                        return f"role {role} has {grant}{theirs}"
                elif role in demand.allowed:
                    return f"role {role} is enough for {demand.text}"
        return ""

    def _refuse(self, x: Exchange, failure: Failure, reason: str) -> Failure:
        self._audit("authorization_failed", "medium", x, code=failure.code, reason=reason)
        return failure.because(reason)


def _why_not(identity: Identity, held: tuple[str, ...], demand: Demand, reach: int) -> str:
    """What was lacking, for the log and the audit log."""
    if identity.scoped:
        has = f"scoped to {', '.join(identity.permissions) or 'nothing'}"
    else:
        has = ", ".join(held) or "no role"
    lacking = f"{identity.subject} ({has}) lacks {demand.text}"
    if reach == _NOTHING:
        return lacking
    if demand.owner is None:
        return f"{lacking}, and the route does not say whose it is, for {demand.permission}{OWN}"
    return f"{lacking}, and {demand.where} does not name them, for {demand.permission}{OWN}"
