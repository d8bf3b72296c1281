"""What may be used once: nonces and the like, remembered in the store for as long as they would be accepted.

Asked only for what is proven already, so that nobody without a key can fill the store. Without the store nothing of
this can be judged, and the request is refused: a replay that is let through is worse than one that has to come again.
"""

from __future__ import annotations

from hashlib import sha256

from portico.exchange.failure import STORE_AWAY, Failure
from portico.exchange.identity import Identity
from portico.stores.interface import Store, StoreAwayError


class Replays:
    """Of one identity block. `replayed` is what a second use is told."""

    __slots__ = ("_name", "_replayed", "_store")

    def __init__(self, store: Store, name: str, replayed: Failure) -> None:
        self._store = store
        self._name = name.encode()
        self._replayed = replayed

    async def first(self, identity: Identity, until: float, *parts: bytes) -> Identity | Failure:
        """`identity`, if nobody has used these `parts` before `until` (wall seconds)."""
        told = sha256(self._name)
        for part in parts:
            told.update(b"%d:%b" % (len(part), part))  # with lengths no parts can pass for others
        try:
            if await self._store.once(b"once:" + told.digest(), until):
                return identity
        except StoreAwayError:
            return STORE_AWAY.because(f"whether {self._name.decode()} saw this before cannot be asked")
        return self._replayed
