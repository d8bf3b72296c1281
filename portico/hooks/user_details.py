"""The hook that adds to a proven caller what the user service says of them; it waits only for who is not known yet."""

from __future__ import annotations

from collections.abc import Awaitable

from portico.exchange.call import CallFailedError
from portico.exchange.exchange import Exchange
from portico.exchange.failure import INVALID_TOKEN, Failure, Side
from portico.exchange.identity import Identity
from portico.identity.user_details import Details, UserDetails
from portico.observe.audit import Audit

_LONGEST = 255  # characters of a user's id that is asked for
_GONE = INVALID_TOKEN.because("the service does not know this user any more")


class Telling:
    """One route's hook. `methods` are those whose callers are users; `closed`: no details, no access."""

    __slots__ = ("_audit", "_away", "_closed", "_details", "_methods")

    def __init__(
        self, details: UserDetails, methods: frozenset[str], closed: bool, service: str, audit: Audit
    ) -> None:
        self._details = details
        self._methods = methods
        self._closed = closed
        self._audit = audit
        self._away = Failure(
            "SERVICE_UNAVAILABLE",
            503,
            Side.GATEWAY,
            "Service Unavailable",
            f"Service unavailable: {service}",
            ((b"retry-after", b"1"),),
        )

    def tell(self, x: Exchange) -> Failure | Awaitable[Failure | None] | None:
        """The hook."""
        identity = x.identity
        if identity is None or identity.tenant is None or identity.method not in self._methods:
            return None
        subject = identity.subject
        if subject in (".", "..") or len(subject) > _LONGEST:
            return self._refuse(x)
        key = (identity.tenant, subject)
        details = self._details.known(key, x.now)
        if details is None:
            return self._ask(x, identity, key)
        return self._settle(x, identity, details)

    async def _ask(self, x: Exchange, identity: Identity, key: tuple[str, str]) -> Failure | None:
        try:
            details = await self._details.ask(key)
        except CallFailedError as error:
            return self._away.because(f"details of {key[1]}: {error}") if self._closed else None
        return self._settle(x, identity, details)

    def _settle(self, x: Exchange, identity: Identity, details: Details) -> Failure | None:
        if details.gone:
            return self._refuse(x)
        x.identity = details.merge(identity)
        return None

    def _refuse(self, x: Exchange) -> Failure:
        self._audit("authentication_failed", "medium", x, code=_GONE.code, reason=_GONE.detail)
        return _GONE
