"""Sessions in the store, the cookies that name them, and the tokens that prove who wrote a request (requirements 2.5).

A cookie is `ID.SIGNATURE`: an HMAC over the id, so that what was made up never reaches the store. The store knows a
session by the SHA-256 of its id: who reads the store can make no cookie of it. The CSRF token is an HMAC over that
(the signed double-submit of OWASP's cheat sheet): nothing has to be kept for it, and no other session's will do.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from portico.exchange.marks import session_mark
from portico.stores.interface import RECORD_BYTES, Store

from .jws import TokenError

ID_BYTES = 32
PENDING = b"{}"  # a session that is being opened, and proves nobody yet
PENDING_S = 120.0
# A sign-in's reply may be faster than the store hears of its session, and its next request come to another worker.
_OPENING_S = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Session:
    """One session. Times are wall seconds: `ends` at the latest, and `until` without another request.

    `provider` is what an OpenID provider said of it that nobody else is told: `id_token`, `sub` and `sid`.
    """

    claims: Mapping[str, Any]
    created: float
    ends: float
    until: float
    provider: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As a store keeps it."""
        said: dict[str, Any] = {
            "claims": dict(self.claims),
            "created": self.created,
            "ends": self.ends,
            "until": self.until,
        }
        if self.provider:
            said["provider"] = dict(self.provider)
        return json.dumps(said, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, value: bytes) -> Session | None:
        """What `encode` made; None for anything else."""
        try:
            said = json.loads(value)
            times = float(said["created"]), float(said["ends"]), float(said["until"])
            return cls(said["claims"], *times, said.get("provider", {}))
        except (ValueError, KeyError, TypeError):
            return None


class Sessions:
    """The sessions of one identity. `secrets` sign cookies: the first makes them, all verify. Durations in seconds."""

    __slots__ = ("_idle_s", "_lifetime_s", "_secrets", "_store")

    def __init__(self, store: Store, signing: Sequence[bytes], idle_s: float, lifetime_s: float) -> None:
        self._store = store
        self._secrets = tuple(signing)
        self._idle_s = idle_s
        self._lifetime_s = lifetime_s

    # -- cookies

    def new_id(self) -> str:
        """Of a session that nobody can guess."""
        return secrets.token_urlsafe(ID_BYTES)

    def cookie(self, session_id: str) -> str:
        """The cookie's value."""
        return f"{session_id}.{signed(self._secrets[0], b'session', session_id)}"

    def csrf(self, key: str) -> str:
        """The token that a page of the session has to show which the store knows by `key`."""
        return signed(self._secrets[0], b"csrf", key)

    def read(self, cookie: str) -> str | None:
        """The id in a cookie of ours, None for any other."""
        session_id, _, signature = cookie.partition(".")
        good = [
            hmac.compare_digest(signed(secret, b"session", session_id).encode(), signature.encode())
            for secret in self._secrets
        ]
        return session_id if any(good) else None

    def is_csrf(self, key: str, token: str) -> bool:
        """Whether this is the CSRF token of the session that the store knows by `key`."""
        good = [
            hmac.compare_digest(signed(secret, b"csrf", key).encode(), token.encode())
            for secret in self._secrets
        ]
        return any(good)

    # -- the store

    async def promise(self, session_id: str, wall: float) -> None:
        """See that the store can take the session before anybody is told of it. Raises StoreAwayError."""
        await self._store.keep("session", key_of(session_id), PENDING, wall + PENDING_S)

    def begin(
        self, claims: Mapping[str, Any], wall: float, provider: Mapping[str, str] | None = None
    ) -> Session:
        """A session of a caller, from now on. Raises TokenError when the claims are more than can be kept."""
        ends = wall + self._lifetime_s
        session = Session(claims, wall, ends, min(wall + self._idle_s, ends), provider or {})
        if len(session.encode()) > RECORD_BYTES:
            raise TokenError(f"what is said of the caller has more than {RECORD_BYTES} bytes")
        return session

    async def keep(self, session_id: str, session: Session) -> None:
        """Put it into the store. Raises StoreAwayError."""
        await self._store.keep("session", key_of(session_id), session.encode(), session.until)

    async def find(self, session_id: str, wall: float) -> Session | None:
        """The session, None when there is none or it has ended; waits for one that is being opened, for a moment.

        Raises StoreAwayError.
        """
        key = key_of(session_id)
        value = await self._store.find("session", key)
        for wait_s in _OPENING_S:
            if value != PENDING:
                break
            await asyncio.sleep(wait_s)
            value = await self._store.find("session", key)
        return _alive(value, wall)

    async def find_by_key(self, key: str, wall: float) -> Session | None:
        """The session that the store knows by `key`. Raises StoreAwayError."""
        return _alive(await self._store.find("session", key), wall)

    def is_stale(self, session: Session, wall: float) -> bool:
        """Whether enough of its time is gone that it is worth a write to move its end."""
        return session.until < session.ends and session.until - wall < 0.9 * self._idle_s

    async def touch(self, session_id: str, session: Session, wall: float) -> Session:
        """Move the session's end on, if it is what it was. Raises StoreAwayError."""
        moved = replace(session, until=min(wall + self._idle_s, session.ends))
        await self._store.swap("session", key_of(session_id), session.encode(), moved.encode(), moved.until)
        return moved

    async def once(self, what: str, until: float) -> bool:
        """True the first time only, for something that is good once. Raises StoreAwayError."""
        return await self._store.once(what.encode(), until)

    async def revoke(self, mark: bytes, wall: float) -> None:
        """End all sessions with this mark that have begun by now. Raises StoreAwayError."""
        await self._store.revoke(mark, wall + self._lifetime_s + 1.0, wall)

    async def end(self, key: str, wall: float) -> None:
        """End the session that the store knows by `key`, also for workers that still know it. Raises StoreAwayError."""
        await self._store.revoke(session_mark(key), wall + self._lifetime_s + 1.0)
        await self._store.drop("session", key)


def _alive(value: bytes | None, wall: float) -> Session | None:
    session = None if value is None else Session.decode(value)
    return session if session is not None and wall < session.until else None


def key_of(session_id: str) -> str:
    """What the store knows a session by."""
    return sha256(session_id.encode()).hexdigest()


def signed(secret: bytes, purpose: bytes, text: str) -> str:
    """The HMAC of a text for one purpose, as a cookie or an address can carry it."""
    mac = hmac.digest(secret, purpose + b":" + text.encode("utf-8", "surrogatepass"), "sha256")
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
