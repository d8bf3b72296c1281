"""Who may act at which venue: asked of the venue service, and remembered for a short time.

What is remembered is bounded, and keyed by tenant, user and venue as three values: no two of them can be taken for two
others. Refusals are remembered apart and for less time, so that who tries one venue after the other pushes nobody's
membership out. A question that is on its way is asked once, however many wait for it. No answer is no access: whoever
asks gets the failure, and nothing is remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal
from urllib.parse import quote

import orjson

from portico.exchange.call import Call, CallFailedError
from portico.exchange.failure import BAD_REPLY
from portico.exchange.fields import Field
from portico.exchange.venue import Venue

from .asked import Asked, Kept

Key = tuple[str, str | None, str]
"""(tenant, user, venue); the user is None where only the venue's being there is asked for."""

MakeVenue = Callable[[str, str | None], Venue]
"""(venue, role of the member or None) → what is known from then on."""

_NOT_THERE = (403, 404, 410)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the venue service is asked, and how long its answers hold. Paths have `{venue}` and `{user}`."""

    member: str
    exists: str
    ttl_s: float
    negative_ttl_s: float
    timeout_s: float
    entries: int


class Memberships:
    """What one worker knows of memberships, under one configuration."""

    __slots__ = ("_asked", "_call", "_make", "_members", "_now", "_rule", "_strangers")

    def __init__(self, rule: Rule, call: Call, make: MakeVenue, now: Callable[[], float] = monotonic) -> None:
        self._rule = rule
        self._call = call
        self._make = make
        self._now = now
        self._members: Kept[Key, tuple[float, Venue]] = Kept(rule.entries)
        self._strangers: Kept[Key, float] = Kept(rule.entries)
        self._asked: Asked[Key, Venue | None] = Asked("membership")

    def known(self, key: Key, now: float) -> Venue | Literal[False] | None:
        """The venue, False when it is known that there is no access, None when that is not known (any more)."""
        member = self._members.get(key)
        if member is not None:
            if now < member[0]:
                return member[1]
            del self._members[key]
        until = self._strangers.get(key)
        if until is not None:
            if now < until:
                return False
            del self._strangers[key]
        return None

    async def ask(self, key: Key) -> Venue | None:
        """The venue, or None when there is no access. Raises CallFailedError when nobody can say."""
        return await asyncio.shield(self._asked.begin(key, self._ask))

    async def _ask(self, key: Key) -> Venue | None:
        found = await self._look_up(key)
        if found is None:
            self._strangers.keep(key, self._now() + self._rule.negative_ttl_s)
        else:
            self._members.keep(key, (self._now() + self._rule.ttl_s, found))
        return found

    async def _look_up(self, key: Key) -> Venue | None:
        tenant, user, venue = key
        if user is None:
            target = self._rule.exists.replace("{venue}", quote(venue, safe=""))
        else:
            pieces = self._rule.member.split("{user}")
            target = quote(user, safe="").join(
                piece.replace("{venue}", quote(venue, safe="")) for piece in pieces
            )
        answer = await self._call("GET", target, internal_fields(tenant), timeout_s=self._rule.timeout_s)
        if answer.status in _NOT_THERE:
            return None
        told = json_object(answer.body) if answer.status == 200 else None
        if told is None or told.get("venueId", venue) != venue or told.get("userId", user) != user:
            raise CallFailedError(BAD_REPLY.because(f"{answer.status} about a membership"))
        role = told.get("role")
        if user is not None and not isinstance(role, str):
            raise CallFailedError(BAD_REPLY.because("a membership without a role"))
        return self._make(venue, role if user is not None else None)

    def __repr__(self) -> str:
        return f"<Memberships {len(self._members)} members, {len(self._strangers)} not, {len(self._asked)} asked>"


def internal_fields(tenant: str) -> Sequence[Field]:
    """What a service is told of a question about one of a tenant."""
    return (
        (b"x-tenant-id", tenant.encode()),
        (b"x-tenant-source", b"service"),
        (b"accept", b"application/json"),
    )


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in an answer, None when it is none."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None
