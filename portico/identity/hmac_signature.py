"""Prove who calls by an HMAC-SHA256 over method, target, time, nonce and body (docs/authentication-hmac.md).

One field, in one spelling, carries it all: `key=…,time=…,nonce=…,signature=…`. The target is signed as it was received
(design section 4). Each signature is good for one request, within the window around its time; nonces are spent only by
signatures that are right.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Mapping
from hashlib import sha256

from portico.config.models.identity.hmac_signature import HmacSettings
from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHENTICATION_ERROR, Failure
from portico.exchange.identity import Identity

from .challenges import challenged
from .means import Means
from .partners import partner
from .replays import Replays

LABEL = b"portico-hmac-sha256"  # the first line of what is signed: no other protocol signs the same bytes

_SIGNATURE = re.compile(
    rb"key=([A-Za-z0-9][A-Za-z0-9._-]{0,62}), ?time=([0-9]{1,12}), ?nonce=([A-Za-z0-9._~+/=-]{8,128}), ?"
    rb"signature=([0-9a-f]{64})"
).fullmatch


def signed_text(key: bytes, time: bytes, nonce: bytes, method: bytes, target: bytes, body: bytes) -> bytes:
    """The bytes that are signed: seven lines without a line feed at the end."""
    return b"\n".join((LABEL, key, time, nonce, method, target, sha256(body).hexdigest().encode()))


class HmacProof:
    """One identity block of kind `hmac`, compiled. `keys`: id → its live secrets and whose they are."""

    __slots__ = ("_failure", "_keys", "_replays", "_window_s", "challenge", "field", "name", "needs_body")

    def __init__(
        self,
        name: str,
        keys: Mapping[bytes, tuple[tuple[bytes, ...], Identity]],
        means: Means,
        *,
        field: bytes,
        window_s: float,
        body_bytes: int,
    ) -> None:
        self.name = name
        self.field = field
        self.needs_body: int | None = body_bytes
        self.challenge = b'HMAC-SHA256 realm="%b"' % name.encode()
        self._keys = keys
        self._window_s = window_s
        self._failure = challenged(AUTHENTICATION_ERROR, self.challenge)
        self._replays = Replays(means.store, name, self._refused("it was used before"))

    def prove(self, x: Exchange, wall: float) -> Failure | Awaitable[Identity | Failure] | None:
        """Whose signature the request has; waits for the store to say that it is a new one."""
        told = [value for name, value in x.request.fields if name == self.field]
        if not told:
            return None
        found = _SIGNATURE(told[0]) if len(told) == 1 else None
        if found is None:
            return self._refused("it is not key=…,time=…,nonce=…,signature=… once")
        key, time, nonce, signature = found.groups()
        stated = float(time)
        if abs(wall - stated) > self._window_s:
            return self._refused("its time is too far from now")
        known = self._keys.get(key)
        if known is None:
            return self._refused("its key is not known")
        secrets, identity = known
        request = x.request
        text = signed_text(key, time, nonce, request.method, request.target, x.body or b"")
        right = [hmac.compare_digest(_mac(secret, text), signature) for secret in secrets]
        if not any(right):
            return self._refused(f"it is not that of {key.decode()} for this request")
        return self._replays.first(identity, stated + self._window_s + 1.0, key, nonce)

    def _refused(self, reason: str) -> Failure:
        return self._failure.because(f"signature refused by {self.name}: {reason}")

    def __repr__(self) -> str:
        return f"<HmacProof {self.name} {len(self._keys)} keys>"


def _mac(secret: bytes, text: bytes) -> bytes:
    return hmac.new(secret, text, sha256).hexdigest().encode()


def hmac_proof(name: str, settings: HmacSettings, means: Means) -> HmacProof:
    """The proof of a block of kind `hmac`."""
    keys = {
        key.encode(): (
            tuple(secret.get_secret_value().encode() for secret in held.secret),
            partner(name, key, held),
        )
        for key, held in settings.keys.items()
    }
    return HmacProof(
        name,
        keys,
        means,
        field=settings.header.encode(),
        window_s=settings.window,
        body_bytes=settings.body,
    )
