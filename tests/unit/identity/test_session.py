"""When sessions end, how they are prolonged, and what is asked of the store for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from portico.config.models.identity import SessionSettings
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.marks import session_mark, user_mark
from portico.identity.session import SessionProof
from portico.identity.sessions import PENDING, Session, Sessions, key_of
from portico.rules import Limits
from portico.stores import MemoryStore, StoreAwayError
from tests.unit.identity.signing import NOW, request

OLD, NEW = b"the older secret of the tests, long enough", b"the newer secret of the tests, long enough"
CLAIMS = {"sub": "u-1", "tenant_id": "t-1", "role": "agent"}


class Kept(MemoryStore):
    """A store with a clock of its own, that counts what it is asked and may be away."""

    def __init__(self) -> None:
        self.now = NOW
        self.found = 0
        self.away = False
        super().__init__(Limits(0), wall=lambda: self.now)

    async def find(self, kind: Any, key: str) -> bytes | None:
        self.found += 1
        if self.away:
            raise StoreAwayError("it is away")
        return await super().find(kind, key)


class Browser:
    """One session of a proof, used at given times."""

    def __init__(
        self, store: Kept, idle_s: float = 100.0, lifetime_s: float = 1000.0, cache_s: float = 10.0
    ) -> None:
        self.store = store
        self.sessions = Sessions(store, [NEW, OLD], idle_s, lifetime_s)
        settings = SessionSettings.model_validate({"secret": NEW.decode(), "cache": f"{int(cache_s)}s"})
        self.proof = SessionProof("browsers", self.sessions, settings)
        self.id = self.sessions.new_id()
        asyncio.run(self.sessions.keep(self.id, self.sessions.begin(CLAIMS, NOW)))

    def ask(self, after_s: float = 0.0, cookie: str | None = None) -> Identity | Failure | None:
        self.store.now = NOW + after_s
        value = self.sessions.cookie(self.id) if cookie is None else cookie
        x = request((b"cookie", f"a=b; __Host-session={value}; c=d".encode()))
        verdict = self.proof.prove(x, self.store.now)
        assert dict(x.request.fields)[b"cookie"] == b"a=b; c=d"
        return asyncio.run(_settled(verdict)) if isinstance(verdict, Awaitable) else verdict

    def lives(self, after_s: float) -> bool:
        return isinstance(self.ask(after_s), Identity)


async def _settled(verdict: Awaitable[Identity | Failure]) -> Identity | Failure:
    found = await verdict
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*rest)
    return found


def test_a_session_says_who_calls() -> None:
    browser = Browser(Kept())
    identity = browser.ask()
    assert isinstance(identity, Identity)
    assert (identity.subject, identity.tenant, identity.roles) == ("u-1", "t-1", ("agent",))
    assert session_mark(key_of(browser.id)) in identity.marks
    assert user_mark("t-1", "u-1") in identity.marks


def test_it_ends_when_nobody_uses_it() -> None:
    browser = Browser(Kept())
    assert browser.lives(99)
    assert not Browser(Kept()).lives(100)


def test_it_is_prolonged_by_use_up_to_its_lifetime() -> None:
    browser = Browser(Kept(), lifetime_s=350.0)
    assert [browser.lives(after) for after in (90, 180, 270, 340)] == [True] * 4
    assert not browser.lives(350)


def test_it_is_asked_for_once_in_a_while_and_written_seldom() -> None:
    store = Kept()
    browser = Browser(store, cache_s=10.0)
    for after in (0, 1, 5, 9):
        assert browser.lives(after)
    assert store.found == 1
    assert browser.lives(10)
    assert store.found == 2
    fresh = asyncio.run(browser.sessions.find(browser.id, store.now))
    assert fresh is not None
    assert not browser.sessions.is_stale(fresh, fresh.until - 95)
    assert browser.sessions.is_stale(fresh, fresh.until - 80)


def test_older_secrets_verify_and_the_first_one_signs() -> None:
    browser = Browser(Kept())
    older = Sessions(browser.store, [OLD], 100.0, 1000.0)
    assert isinstance(browser.ask(cookie=older.cookie(browser.id)), Identity)
    assert browser.sessions.is_csrf(key_of(browser.id), older.csrf(key_of(browser.id)))
    assert not older.is_csrf(key_of(browser.id), browser.sessions.csrf(key_of(browser.id)))
    assert older.read(browser.sessions.cookie(browser.id)) is None


def test_a_csrf_token_is_no_cookie_and_a_cookie_no_token() -> None:
    sessions = Browser(Kept()).sessions
    session_id = sessions.new_id()
    signature = sessions.cookie(session_id).split(".")[1]
    assert not sessions.is_csrf(key_of(session_id), signature)
    assert sessions.read(f"{session_id}.{sessions.csrf(key_of(session_id))}") is None


def test_one_that_is_still_being_opened_proves_nobody() -> None:
    browser = Browser(Kept())
    asyncio.run(browser.store.keep("session", key_of(browser.id), PENDING, NOW + 60))
    assert isinstance(browser.ask(), Failure)


def test_one_that_is_opened_a_moment_later_is_waited_for() -> None:
    store = Kept()
    browser = Browser(store)
    key = key_of(browser.id)
    opened = asyncio.run(store.find("session", key))
    assert opened is not None

    class Opening(Kept):
        async def find(self, kind: Any, key: str) -> bytes | None:
            self.found += 1
            return PENDING if self.found < 3 else opened

    browser.sessions = browser.proof.sessions = Sessions(Opening(), [NEW], 100.0, 1000.0)
    assert browser.lives(0)


def test_what_was_made_up_never_reaches_the_store() -> None:
    store = Kept()
    browser = Browser(store)
    for cookie in ("x", f"{browser.id}.x", ".", ""):
        verdict = browser.ask(cookie=cookie)
        assert isinstance(verdict, Failure)
        assert verdict.status == 401
    assert store.found == 0


def test_without_the_store_nobody_is_told_that_their_session_is_over() -> None:
    store = Kept()
    browser = Browser(store)
    store.away = True
    verdict = browser.ask()
    assert isinstance(verdict, Failure)
    assert verdict.status == 503


@pytest.mark.parametrize("value", [b"", b"[]", b"no JSON", b'{"claims": {}}', b'{"claims":1,"created":"x"}'])
def test_a_record_that_cannot_be_read_is_no_session(value: bytes) -> None:
    assert Session.decode(value) is None
