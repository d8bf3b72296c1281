"""The store in Redis, for any number of gateways: every turn of the loop one script call (judge.lua), exact.

The server's clock is the only one and the script the only writer of counts, so that N gateways admit what one would.
Keys begin as requirements 17.1 has them. Whatever goes wrong is a StoreAwayError. A question whose answer was lost is
not asked again: it may have been counted, or a token turned over, already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha1
from math import inf
from pathlib import Path
from typing import Any
from zlib import crc32

from msgpack import packb, unpackb
from redis.exceptions import AuthenticationError, AuthorizationError, NoScriptError, RedisError, ResponseError

from portico.config.values.stores import StoreAddress
from portico.rules import Verdict

from .batches import Batches
from .counted import Counted, Known
from .interface import PASSED, Ask, Judged, Kind, Outcome, StoreAwayError, checked
from .redis_client import CONNECT_S, Client, make_client

_SCRIPT = (Path(__file__).parent / "judge.lua").read_bytes()
_SHA = sha1(_SCRIPT, usedforsecurity=False).hexdigest().encode()

_JUDGE, _REVOKE, _ONCE, _FIND, _KEEP, _SWAP, _DROP = range(7)  # as in judge.lua
_REVOKED = b"session:blacklist:"
_ONCE_KEY = b"nonce:"
_PREFIXES: dict[Kind, bytes] = {
    "session": b"session:",
    "refresh": b"refresh:",
    "apikey": b"apikey:",
    "cache": b"cache:",
}
_LANES = 16  # over which a cluster's records are spread
_OUTRIGHT = b"1"

_Question = Sequence[Any]


class RedisStore:
    """What is at `address`. `prefix` stands before every key; `now` is a test's clock instead of the server's."""

    def __init__(
        self,
        address: StoreAddress,
        prefix: str = "",
        timeout_s: float = 0.05,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._address = address
        self._now = now
        self._client: Client = make_client(address, timeout_s)
        self._known = Known()
        before = prefix.encode()
        # In a cluster all keys of a question have to be on one node: what requests ask for, all questions of a turn
        # together, is under one tag; records, which are asked for one by one, are spread.
        lanes = (
            [b"%b{portico-%d}" % (before, lane) for lane in range(_LANES)] if address.cluster else [before]
        )
        self._prefixes = lanes
        self._lanes = [Batches(self._caller(lane), timeout_s) for lane in lanes]
        self._first = self._lanes[0]

    # -- the verbs

    async def judge(self, ask: Ask) -> Judged:
        early, marks, issued, late, reported = ask
        asked = self._known.asked
        limits: list[Counted] = []
        question = (
            _JUDGE,
            asked(early, limits),
            marks,
            asked(late, limits) if late else (),
            asked(reported, []) if reported else (),
            issued,
        )
        outcome, *rooms = await self._first.ask(question)
        first = len(early)
        if outcome == 0:
            passed = [limit.passed(room) for limit, room in zip(limits, rooms)]  # noqa: B905  # reported are more
            over = [room < 0 for room in rooms[len(limits) :]] if reported else ()
            return Judged(PASSED, passed[:first], passed[first:], over)
        if outcome == 1:
            return Judged(Outcome.EARLY, _seen(limits[:first], rooms))
        passed = [limit.passed(room) for limit, room in zip(limits[:first], rooms)]  # noqa: B905  # late are more
        if outcome == 2:
            return Judged(Outcome.REVOKED, passed)
        return Judged(Outcome.LATE, passed, _seen(limits[first:], rooms[first:]))

    async def revoke(self, mark: bytes, until: float, before: float = inf) -> None:
        written = _OUTRIGHT if before == inf else b"%.6f" % before
        await self._first.ask((_REVOKE, _REVOKED + mark, written, False, _ms(until)))

    async def once(self, key: bytes, until: float) -> bool:
        return bool(await self._first.ask((_ONCE, _ONCE_KEY + key, False, False, _ms(until))))

    async def find(self, kind: Kind, key: str) -> bytes | None:
        found = await self._ask(_FIND, kind, key)
        return found if isinstance(found, bytes) else None

    async def keep(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        await self._ask(_KEEP, kind, key, checked(value), False, until)

    async def swap(self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        return bool(await self._ask(_SWAP, kind, key, checked(new), False if old is None else old, until))

    async def drop(self, kind: Kind, key: str) -> bool:
        return bool(await self._ask(_DROP, kind, key))

    async def list(self, kind: Kind, prefix: str = "") -> AsyncIterator[tuple[str, bytes]]:
        for lane in self._prefixes:
            begin = lane + _PREFIXES[kind]
            pattern = _literal(begin + prefix.encode("utf-8", "surrogatepass")) + b"*"
            seen: set[bytes] = set()  # a key may be told more than once while Redis makes room
            try:
                async for key in self._client.scan_iter(match=pattern, count=500):
                    if key in seen or key.startswith(lane + _REVOKED):
                        continue
                    seen.add(key)
                    value = await self._client.get(key)
                    if value is not None:
                        yield key.removeprefix(begin).decode("utf-8", "surrogatepass"), value
            except (RedisError, OSError) as error:
                raise self._away(error) from error

    async def close(self) -> None:
        for lane in self._lanes:
            await lane.close()
        await self._client.aclose()

    # -- calls

    def _ask(
        self,
        verb: int,
        kind: Kind,
        key: str,
        value: bytes | bool = False,
        old: bytes | bool = False,
        until: float | None = None,
    ) -> asyncio.Future[Any]:
        name = _PREFIXES[kind] + key.encode("utf-8", "surrogatepass")
        if name.startswith(_REVOKED):
            # Keys come from clients, and revocations are no sessions.
            raise ValueError(f"no record may be called {key!r}")
        lane = self._lanes[crc32(name) % len(self._lanes)] if len(self._lanes) > 1 else self._first
        return lane.ask((verb, name, value, old, _ms(until)))

    def _caller(self, prefix: bytes) -> Callable[[Sequence[_Question]], Any]:
        keys = (b"1", prefix) if self._address.cluster else (b"0",)

        async def call(questions: Sequence[_Question]) -> Sequence[Any]:
            arguments: list[bytes] = [*keys, prefix, packb(questions, use_bin_type=False)]
            if self._now is not None:
                arguments.append(repr(self._now()).encode())
            try:
                try:
                    packed = await self._client.execute_command(b"EVALSHA", _SHA, *arguments)
                except NoScriptError:  # a new server, or one that was told to forget; nothing was done
                    packed = await self._client.execute_command(b"EVAL", _SCRIPT, *arguments)
            except (RedisError, OSError) as error:
                raise self._away(error) from error
            try:
                answers: Sequence[Any] = unpackb(packed, raw=True)
            except (ValueError, TypeError) as error:
                raise StoreAwayError(f"{self._address} answers what is no answer") from error
            return answers

        return call

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """The calls under way."""
        return [task for lane in self._lanes for task in lane.tasks]

    async def connect(self) -> None:
        """See that it is there, lets us in and may be written. Raises StoreAwayError; takes at most CONNECT_S."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._client.ping()
                await self.once(b"probe", time.time() + 1)
        except TimeoutError as error:
            raise StoreAwayError(f"{self._address} does not answer") from error
        except (RedisError, OSError) as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> StoreAwayError:
        text = str(error).rstrip(".") or type(error).__name__
        if isinstance(error, AuthenticationError | AuthorizationError) or (
            isinstance(error, ResponseError) and text.startswith(("WRONGPASS", "NOAUTH", "NOPERM"))
        ):
            return StoreAwayError(f"{self._address} refuses the credentials: {text}")
        return StoreAwayError(f"{self._address}: {text}")

    def __repr__(self) -> str:
        return f"<RedisStore {self._address} {self._first!r}>"


def _seen(limits: Sequence[Counted], rooms: Sequence[float]) -> list[Verdict]:
    return [limit.seen(room) for limit, room in zip(limits, rooms, strict=True)]


def _ms(until: float | None) -> int | bool:
    return False if until is None or until == inf else max(1, int(until * 1000))


def _literal(text: bytes) -> bytes:
    """A pattern that stands for itself."""
    return b"".join(b"\\" + bytes([sign]) if sign in b"*?[]\\^-" else bytes([sign]) for sign in text)
