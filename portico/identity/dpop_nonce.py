"""Nonces that the gateway gives for DPoP proofs (RFC 9449 section 9): by them a proof cannot be made long before it is
used.

A nonce is a stretch of time and its MAC under a secret that all workers share through the store; nothing is kept per
nonce. It is good for the stretch that it was given in and the next.
"""

from __future__ import annotations

import hmac
import os
from hashlib import sha256

from portico.stores.interface import Store, StoreAwayError

from .encoding import to_base64url

STRETCH_S = 150.0
_SECRET_BYTES = 32
_SECRET_LIFE_S = 86_400.0


class DpopNonces:
    """The nonces of one identity block. Raises StoreAwayError while there is no secret to be had."""

    __slots__ = ("_key", "_secret", "_store", "_until")

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._key = f"dpop-nonce/{name}"
        self._secret = b""
        self._until = 0.0  # wall seconds; then another secret takes its place, for all workers at once

    async def current(self, wall: float) -> str:
        """The nonce to give now."""
        return self._nonce(await self._shared(wall), int(wall // STRETCH_S))

    async def is_ours(self, nonce: str, wall: float) -> bool:
        """Whether this one was given a moment ago."""
        secret = await self._shared(wall)
        stretch = int(wall // STRETCH_S)
        told = nonce.encode("utf-8", "surrogatepass")
        known = [self._nonce(secret, stretch - back).encode() for back in (0, 1)]
        return any(hmac.compare_digest(one, told) for one in known)

    async def _shared(self, wall: float) -> bytes:
        if wall < self._until:
            return self._secret
        for _ in range(2):
            found = await self._store.find("cache", self._key)
            if found is not None and len(found) == 8 + _SECRET_BYTES:
                self._until, self._secret = float(int.from_bytes(found[:8])), found[8:]
                return self._secret
            until = int(wall + _SECRET_LIFE_S)
            made = until.to_bytes(8) + os.urandom(_SECRET_BYTES)
            await self._store.swap("cache", self._key, found, made, float(until))
        raise StoreAwayError("a secret for nonces can neither be found nor kept")

    @staticmethod
    def _nonce(secret: bytes, stretch: int) -> str:
        return to_base64url(hmac.new(secret, b"dpop %d" % stretch, sha256).digest()[:16]).decode()

    def __repr__(self) -> str:
        return f"<DpopNonces {self._key}>"
