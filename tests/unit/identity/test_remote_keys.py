"""The task that keeps an issuer's keys, with an issuer that does what the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portico.identity.key_life import KeyRules
from portico.identity.keys import KeySet
from portico.identity.remote_keys import KeysNotFetchedError, RemoteKeys
from portico.testing import until
from tests.unit.identity.test_keys import jwk


def key_set(*kids: str) -> KeySet:
    return KeySet.read(json.dumps({"keys": [jwk("ES256", kid=kid) for kid in kids]}).encode())


class Issuer:
    """Answers each fetch with what `sets` has next, None being trouble; the last again and again."""

    def __init__(self, *sets: KeySet | None) -> None:
        self.sets = list(sets)
        self.fetches = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> tuple[KeySet, float | None]:
        self.fetches += 1
        await self.gate.wait()
        found = self.sets.pop(0) if len(self.sets) > 1 else self.sets[0]
        if found is None:
            raise KeysNotFetchedError("it says no")
        return found, None


@asynccontextmanager
async def kept(issuer: Issuer, **rules: float) -> AsyncIterator[RemoteKeys]:
    outcomes: list[bool] = []
    keys = RemoteKeys("issuer", outcomes.append)
    task = asyncio.create_task(keys.keep(issuer.fetch, KeyRules(**rules)))
    try:
        yield keys
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_come_without_anybody_asking() -> None:
    issuer = Issuer(key_set("a"))
    async with kept(issuer) as keys:
        await until(lambda: keys.current is not None, "keys")
        assert issuer.fetches == 1


async def test_keys_are_refreshed_before_their_life_ends_and_changed_ones_end_trust() -> None:
    issuer = Issuer(key_set("a"), key_set("a"), key_set("b"))
    async with kept(issuer, life_s=0.02) as keys:
        await until(lambda: keys.current is not None, "keys")
        first = keys.current
        assert first is not None
        await until(lambda: keys.current is not first, "other keys")
        assert issuer.fetches >= 3
        assert not first.trusted
        assert keys.current is not None
        assert keys.current.trusted


async def test_same_keys_stay_the_same_set() -> None:
    issuer = Issuer(key_set("a"))
    async with kept(issuer, life_s=0.02) as keys:
        await until(lambda: keys.current is not None, "keys")
        first = keys.current
        await until(lambda: issuer.fetches >= 4, "four fetches")
        assert keys.current is first
        assert first is not None
        assert first.trusted


async def test_last_good_keys_stay_until_they_are_stale() -> None:
    issuer = Issuer(key_set("a"), None)
    async with kept(issuer, life_s=0.05, stale_s=0.3) as keys:
        await until(lambda: issuer.fetches >= 2, "a refresh")
        first = keys.current
        assert first is not None
        await until(lambda: keys.current is None, "the end")
        assert not first.trusted
        assert not keys.is_expected()
        assert keys.retry_after_s() >= 1


async def test_nobody_waits_for_keys_that_nobody_fetches() -> None:
    """As in a rehearsal, where nothing is connected."""
    assert not RemoteKeys("issuer", lambda fetched: None).is_expected()


async def test_many_that_wait_cause_one_fetch() -> None:
    issuer = Issuer(key_set("a"), key_set("a", "b"))
    async with kept(issuer) as keys:
        await until(lambda: keys.current is not None, "keys")
        issuer.gate.clear()
        assert keys.may_refetch()
        first = asyncio.create_task(keys.arrival())
        await until(lambda: issuer.fetches == 2, "the fetch")
        assert keys.may_refetch(), "others may wait for the same fetch"
        others = [asyncio.create_task(keys.arrival()) for _ in range(20)]
        await asyncio.sleep(0)
        issuer.gate.set()
        await asyncio.gather(first, *others)
        assert issuer.fetches == 2
        assert keys.current is not None
        assert keys.current.knows("b")
        assert not keys.may_refetch(), "and nobody may begin another one now"


async def test_who_waits_is_let_go_when_the_issuer_takes_too_long() -> None:
    issuer = Issuer(key_set("a"))
    issuer.gate.clear()
    async with kept(issuer, timeout_s=0.05) as keys:
        await keys.arrival()
        assert keys.current is None
        await until(lambda: not keys.is_expected(), "the failure")


async def test_who_waits_is_served_by_the_next_configuration() -> None:
    issuer = Issuer(key_set("a"))
    issuer.gate.clear()
    keys = RemoteKeys("issuer", lambda fetched: None)
    old = asyncio.create_task(keys.keep(issuer.fetch, KeyRules()))
    waiting = asyncio.create_task(keys.arrival())
    await until(lambda: issuer.fetches == 1, "the fetch")
    old.cancel()
    await asyncio.gather(old, return_exceptions=True)
    new = asyncio.create_task(keys.keep(issuer.fetch, KeyRules()))
    issuer.gate.set()
    await waiting
    assert keys.current is not None
    new.cancel()
    await asyncio.gather(new, return_exceptions=True)
