"""Password hashes: argon2id, never the password, and the same work for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from samples.auth import passwords as module
from samples.auth.passwords import Passwords
from samples.platform.errors import UnavailableError


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    made.close()


async def test_a_hash_matches_its_password_only(passwords: Passwords) -> None:
    kept = await passwords.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert "correct horse" not in kept
    assert await passwords.matches(kept, "correct horse")
    assert not await passwords.matches(kept, "wrong horse")
    assert kept != await passwords.hash("correct horse")
    assert not passwords.is_outdated(kept)
    assert passwords.is_outdated(kept.replace("t=3", "t=2"))


async def test_nobody_and_a_broken_hash_match_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches(None, "nobody has this password")
    assert not await passwords.matches("nonsense", "correct horse")


async def test_only_so_many_wait(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    first = asyncio.create_task(passwords.hash("one"))
    second = asyncio.create_task(passwords.hash("two"))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await passwords.hash("three")
    assert await asyncio.gather(first, second)
    assert await passwords.hash("three")
