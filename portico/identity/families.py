"""Families of refresh tokens: each token is good once, and who brings a spent one ends its family (requirements 2.3).

A family begins without the store: the token of generation 0 needs no record. Its first use makes the record, each use
moves it on, always by comparing and swapping, so that of two who bring the same token one is late:

  no record, generation 0        → the record says generation 1
  record says n, token says n    → the record says n + 1
  record says n, token says n-1, not longer ago than the grace → n + 1 too: the answer to it was lost on its way
  anything else                  → reuse: the family is revoked, with every access token that came from it

The reason is that a thief and the owner cannot both go on: the second of them ends it for both (RFC 9700 section 4.14).
"""

from __future__ import annotations

import enum
import json

from portico.exchange.marks import family_mark
from portico.stores.interface import Store

from .issuing import Refresh

_TRIES = 3


class Turn(enum.Enum):
    """What became of a refresh token."""

    ROTATED = "rotated"
    REUSED = "reused"


class Families:
    """The families of one identity, in the store."""

    __slots__ = ("_grace_s", "_store")

    def __init__(self, store: Store, grace_s: float = 0.0) -> None:
        self._store = store
        self._grace_s = grace_s

    async def rotate(self, token: Refresh, wall: float, until: float) -> tuple[Turn, int]:
        """Spend a token: (ROTATED, the next generation), or (REUSED, …) when its family has been revoked.

        `until` (wall seconds) is when everything that comes of this will have ended. Raises StoreAwayError.
        """
        for _ in range(_TRIES):
            record = await self._store.find("refresh", token.family)
            generation = self._next(record, token, wall)
            if generation is None:
                break
            new = json.dumps([generation, wall]).encode()
            if await self._store.swap("refresh", token.family, record, new, until):
                return Turn.ROTATED, generation
            if not self._grace_s:
                break  # somebody else has spent it meanwhile
        await self.revoke(token.family, until)
        return Turn.REUSED, 0

    def _next(self, record: bytes | None, token: Refresh, wall: float) -> int | None:
        if record is None:
            return 1 if token.generation == 0 else None
        current, moved = json.loads(record)
        if token.generation == current:
            return int(current) + 1
        # Without a grace nothing is forgiven, however near, or with clocks that differ.
        if self._grace_s and token.generation == current - 1 and wall - moved <= self._grace_s:
            return int(current) + 1
        return None

    async def revoke(self, family: str, until: float) -> None:
        """End a family and every access token that came from it. Raises StoreAwayError."""
        await self._store.revoke(family_mark(family), until)
