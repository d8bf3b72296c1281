"""What the user service says of a proven user, beside what the token says (requirements 2.4).

A token is as old as it is; the service knows today's role, permissions and venue. An answer is good for `ttl_s`, then
for `stale_s` more while a newer one is fetched beside the request, so that nobody waits whose details are warm. Only
who is seen for the first time waits. Without an answer there is what the token says, or nobody gets in: as configured.
A user whom the service does not know (any more) is nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from urllib.parse import quote

from portico.exchange.call import Call, CallFailedError
from portico.exchange.failure import BAD_REPLY
from portico.exchange.identity import Identity

from .asked import Asked, Kept
from .claims import identity_fields
from .memberships import internal_fields, json_object

log = logging.getLogger("portico")

Key = tuple[str, str]
"""(tenant, user)"""

_GONE = (404, 410)
_OURS = frozenset({b"x-user-id", b"x-user-role", b"x-tenant-id", b"x-tenant-source"})
_LONGEST = 255  # characters of a role, a permission or a venue


@dataclass(frozen=True, slots=True)
class DetailsRule:
    """How the service is asked, and how long its answers hold. The path has `{user}`."""

    path: str
    ttl_s: float
    stale_s: float
    timeout_s: float
    entries: int


class Details:
    """What is known of one user. `gone`: the service does not know them."""

    __slots__ = ("_merged", "_of", "email", "fresh", "gone", "permissions", "roles", "stale", "venue")

    def __init__(
        self,
        *,
        gone: bool = False,
        email: str | None = None,
        roles: tuple[str, ...] | None = None,
        permissions: tuple[str, ...] = (),
        venue: str | None = None,
    ) -> None:
        self.gone = gone
        self.email = email
        self.roles = roles
        self.permissions = permissions
        self.venue = venue
        self.fresh = 0.0  # until when nobody asks again, and until when it is used at all
        self.stale = 0.0
        self._of: Identity | None = None
        self._merged: Identity | None = None

    def merge(self, identity: Identity) -> Identity:
        """The same caller with these details. The last one is remembered: most users have one token."""
        merged = self._merged
        if merged is not None and self._of is identity:
            return merged
        roles = identity.roles if self.roles is None else self.roles
        others = tuple(field for field in identity.fields if field[0] not in _OURS)
        merged = replace(
            identity,
            roles=roles,
            email=self.email or identity.email,
            permissions=tuple(dict.fromkeys((*identity.permissions, *self.permissions))),
            venue=self.venue or identity.venue,
            fields=(
                *identity_fields(identity.subject, roles, identity.tenant, identity.source.encode()),
                *others,
            ),
        )
        self._of, self._merged = identity, merged
        return merged


class UserDetails:
    """What one worker knows of users, under one configuration."""

    __slots__ = ("_asked", "_call", "_known", "_now", "_rule")

    def __init__(self, rule: DetailsRule, call: Call, now: Callable[[], float] = monotonic) -> None:
        self._rule = rule
        self._call = call
        self._now = now
        self._known: Kept[Key, Details] = Kept(rule.entries)
        self._asked: Asked[Key, Details] = Asked("user details")

    def known(self, key: Key, now: float) -> Details | None:
        """What is at hand, if need be with a newer answer on its way; None when somebody has to wait."""
        details = self._known.get(key)
        if details is None or now >= details.stale:
            return None
        if now >= details.fresh:
            details.fresh = now + self._rule.timeout_s  # one question at a time, also when it fails
            _ = self._asked.begin(key, self._ask_quietly)
        return details

    async def ask(self, key: Key) -> Details:
        """Ask the service. Raises CallFailedError when it does not say."""
        return await asyncio.shield(self._asked.begin(key, self._ask))

    async def _ask_quietly(self, key: Key) -> Details:
        try:
            return await self._ask(key)
        except CallFailedError as error:
            log.warning("details of a user are not renewed: %s", error)
            raise

    async def _ask(self, key: Key) -> Details:
        tenant, user = key
        target = self._rule.path.replace("{user}", quote(user, safe=""))
        answer = await self._call("GET", target, internal_fields(tenant), timeout_s=self._rule.timeout_s)
        if answer.status in _GONE:
            details = Details(gone=True)
        else:
            told = json_object(answer.body) if answer.status == 200 else None
            if told is None or told.get("id", user) != user or told.get("tenant_id", tenant) != tenant:
                raise CallFailedError(BAD_REPLY.because(f"{answer.status} about a user"))
            details = _read(told)
        now = self._now()
        details.fresh = now + self._rule.ttl_s
        details.stale = details.fresh + (0.0 if details.gone else self._rule.stale_s)
        self._known.keep(key, details)
        return details

    def __repr__(self) -> str:
        return f"<UserDetails {len(self._known)} known, {len(self._asked)} asked>"


def _read(told: dict[str, Any]) -> Details:
    role = told.get("role")
    roles = None if role is None else tuple(_texts([role] if isinstance(role, str) else role))
    venue = told.get("venueId")
    email = told.get("email")
    return Details(
        email=email if isinstance(email, str) else None,
        roles=roles,
        permissions=tuple(_texts(told.get("permissions") or [])),
        venue=None if venue is None else next(_texts([venue])),
    )


def _texts(values: Any) -> Any:
    """Plain words, as they may stand in a field."""
    if not isinstance(values, list):
        raise CallFailedError(BAD_REPLY.because("a list is none in what a service says of a user"))
    for value in values:
        if (
            not isinstance(value, str)
            or len(value) > _LONGEST
            or not value.isascii()
            or not value.isprintable()
        ):
            raise CallFailedError(BAD_REPLY.because("no plain word in what a service says of a user"))
        yield value
