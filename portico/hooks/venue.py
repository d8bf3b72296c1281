"""The hook that lets a caller act only at venues where they belong, and tells the service which one it is.

Refusals look all the same, whether the venue is another tenant's, somebody else's, or nowhere: 404, so that nobody
learns what there is. When nobody can say whether somebody belongs, the answer is 503 and never yes.
"""

from __future__ import annotations

from collections.abc import Awaitable

from portico.exchange.call import CallFailedError
from portico.exchange.exchange import Exchange
from portico.exchange.failure import NOT_FOUND, Failure, Side
from portico.exchange.identity import Identity
from portico.exchange.venue import Venue
from portico.identity.memberships import Key, Memberships
from portico.identity.venue_roles import Telling
from portico.observe.audit import Audit

from .venue_names import Names, UnreadableError, usable

VENUE_NOT_FOUND = NOT_FOUND.saying("Venue not found")
_DOTS = frozenset({".", ".."})
_LONGEST = 255  # characters of a user's id


class AtVenue:
    """One route's hook. `everywhere` are the roles that need no membership in their own tenant."""

    __slots__ = ("_audit", "_away", "_everywhere", "_memberships", "_names", "_required", "_telling")

    def __init__(
        self,
        names: Names,
        required: bool,
        everywhere: frozenset[str],
        memberships: Memberships,
        telling: Telling,
        service: str,
        audit: Audit,
    ) -> None:
        self._names = names
        self._required = required
        self._everywhere = everywhere
        self._memberships = memberships
        self._telling = telling
        self._audit = audit
        self._away = Failure(
            "SERVICE_UNAVAILABLE",
            503,
            Side.GATEWAY,
            "Service Unavailable",
            f"Service unavailable: {service}",
            ((b"retry-after", b"1"),),
        )

    def judge(self, x: Exchange) -> Failure | Awaitable[Failure | None] | None:
        """The hook."""
        identity = x.identity
        try:
            named = self._names.of(x)
        except UnreadableError as error:
            return self._refuse(x, str(error), None)
        if identity is None or identity.tenant is None:
            return self._refuse(x, "nobody of a tenant was proven before the venue was asked for", None)
        venue = named[0] if named else identity.venue
        if venue is None:
            return self._refuse(x, "no venue is named", None) if self._required else None
        if not usable(venue):
            return self._refuse(x, "no venue can be called that", venue)
        for other in named:
            if other != venue:
                return self._refuse(x, f"another source names {other[:128]}", venue)
        if identity.venues and venue not in identity.venues:
            return self._refuse(x, "not among the venues that this key is for", venue, "cross_venue_attempt")
        if identity.venues or not self._everywhere.isdisjoint(identity.roles):
            key: Key = (identity.tenant, None, venue)
        elif identity.subject in _DOTS or len(identity.subject) > _LONGEST:
            return self._refuse(x, "a user who cannot be asked for", venue)
        else:
            key = (identity.tenant, identity.subject, venue)
        known = self._memberships.known(key, x.now)
        if known is None:
            return self._ask(x, identity, key)
        return self._settle(x, identity, None if known is False else known, key)

    async def _ask(self, x: Exchange, identity: Identity, key: Key) -> Failure | None:
        try:
            return self._settle(x, identity, await self._memberships.ask(key), key)
        except CallFailedError as error:
            return self._away.because(f"whether {identity.subject} belongs to {key[2]}: {error}")

    def _settle(self, x: Exchange, identity: Identity, venue: Venue | None, key: Key) -> Failure | None:
        if venue is None:
            return self._refuse(x, "no such venue, or no member of it", key[2])
        x.venue = venue
        if x.forward is None:
            x.forward = []
        x.forward += venue.fields
        if venue.roles is None:
            x.forward += self._telling.everywhere(identity)
        return None

    def _refuse(self, x: Exchange, reason: str, venue: str | None, event: str = "venue_violation") -> Failure:
        shown = None if venue is None else venue[:128]
        self._audit(event, "high", x, code=VENUE_NOT_FOUND.code, reason=reason, venueId=shown)
        return VENUE_NOT_FOUND.because(reason)
