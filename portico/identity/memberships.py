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
from typing import Any, Literal
from urllib.parse import quote

import orjson

from portico.exchange.call import Call, CallFailedError
from portico.exchange.failure import BAD_REPLY
from portico.exchange.fields import Field
from portico.exchange.venue import Venue

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

    __slots__ = ("_asked", "_call", "_make", "_members", "_rule", "_strangers")

    def __init__(self, rule: Rule, call: Call, make: MakeVenue) -> None:
        self._rule = rule
        self._call = call
        self._make = make
        self._members: dict[Key, tuple[float, Venue]] = {}
        self._strangers: dict[Key, float] = {}
        self._asked: dict[Key, asyncio.Task[Venue | None]] = {}

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

    async def ask(self, key: Key, now: Callable[[], float]) -> Venue | None:
        """The venue, or None when there is no access. Raises CallFailedError when nobody can say."""
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key, now), name="membership")
            task.add_done_callback(_looked_at)
        # Who waits may go; the question is not theirs alone.
        return await asyncio.shield(task)

    async def _ask(self, key: Key, now: Callable[[], float]) -> Venue | None:
        try:
            found = await self._look_up(key)
            if found is None:
                _remember(self._strangers, key, now() + self._rule.negative_ttl_s, self._rule.entries)
            else:
                _remember(self._members, key, (now() + self._rule.ttl_s, found), self._rule.entries)
            return found
        finally:
            del self._asked[key]

    async def _look_up(self, key: Key) -> Venue | None:
        tenant, user, venue = key
        if user is None:
            target = self._rule.exists.replace("{venue}", quote(venue, safe=""))
        else:
            pieces = self._rule.member.split("{user}")
            target = quote(user, safe="").join(
                piece.replace("{venue}", quote(venue, safe="")) for piece in pieces
            )
        answer = await self._call("GET", target, _fields(tenant), timeout_s=self._rule.timeout_s)
        if answer.status in _NOT_THERE:
            return None
        told = _told(answer.body) if answer.status == 200 else None
        if told is None or told.get("venueId", venue) != venue or told.get("userId", user) != user:
            raise CallFailedError(BAD_REPLY.because(f"{answer.status} about a membership"))
        role = told.get("role")
        if user is not None and not isinstance(role, str):
            raise CallFailedError(BAD_REPLY.because("a membership without a role"))
        return self._make(venue, role if user is not None else None)

    def __repr__(self) -> str:
        return f"<Memberships {len(self._members)} members, {len(self._strangers)} not, {len(self._asked)} asked>"


def _remember(known: dict[Key, Any], key: Key, value: Any, most: int) -> None:
    known.pop(key, None)
    while len(known) >= most:
        del known[next(iter(known))]  # the oldest
    known[key] = value


def _fields(tenant: str) -> Sequence[Field]:
    return (
        (b"x-tenant-id", tenant.encode()),
        (b"x-tenant-source", b"service"),
        (b"accept", b"application/json"),
    )


def _told(body: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None


def _looked_at(task: asyncio.Task[Venue | None]) -> None:
    """If everybody who waited has gone, nobody else looks at the failure."""
    if not task.cancelled():
        task.exception()
