"""`portico revoke`, and what it leaves in the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path

import jwt
import pytest

from portico.exchange.marks import family_mark, jti_mark, session_mark, tenant_mark, token_mark, user_mark
from portico.identity.sessions import key_of
from portico.rules import Limits
from portico.stores.memory import MemoryStore
from portico.stores.opening import open_in_process
from portico.stores.sqlite import FILE, SqliteJournal
from tests.unit.cli.command import SECRET, Result, portico

CONFIGURATION = """\
version: 1
identity:
  users: {jwt: {secret: "${CLI_SECRET}", leeway: 90s}}
  partners: {api_key: {prefix: shop}}
services: {echo: {url: "http://127.0.0.1:3003"}}
defaults: {authenticate: [users, partners]}
routes: [{match: /**, service: echo}]
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("portico.yaml").write_text(CONFIGURATION, "utf-8")


def revoke(*arguments: str, reads: str = "") -> Result:
    return portico("revoke", *arguments, reads=reads)


def token(**claims: object) -> str:
    return jwt.encode({"sub": "ada", **claims}, SECRET, "HS256")


def is_revoked(mark: bytes, issued: float = 0.0, wall: float | None = None) -> bool:
    """What a gateway that begins now says."""

    async def ask() -> bool:
        journal = SqliteJournal(f"var/{FILE}")
        store = MemoryStore(Limits(0), journal, wall=time.time if wall is None else lambda: wall)
        try:
            return store.is_revoked([mark], issued)
        finally:
            await store.close()

    return asyncio.run(ask())


def test_a_token_is_read_from_standard_input_and_remembered_until_it_has_ended() -> None:
    expires = int(time.time()) + 600
    text = token(exp=expires)
    done = revoke("--token", reads=f"Bearer {text}\n")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("revoked until ")
    assert text not in done.out
    assert is_revoked(token_mark(text.encode()))
    # An identity accepts it for as long as its leeway.
    assert is_revoked(token_mark(text.encode()), wall=expires + 90.0)
    assert not is_revoked(token_mark(text.encode()), wall=expires + 92.0)
    assert not is_revoked(token_mark(token(exp=expires, jti="other").encode()))


def test_a_token_of_a_sign_in_names_it() -> None:
    done = revoke("--token", reads=token(exp=int(time.time()) + 600, fam="f-1"))
    assert done.code == 0
    assert "portico revoke --family f-1" in done.err


@pytest.mark.parametrize(
    "text",
    ["opaque", "a.b.c", jwt.encode({"exp": 10**300}, SECRET), jwt.encode({}, SECRET)],
    ids=["opaque", "no JSON", "far", "endless"],
)
def test_a_token_that_does_not_say_when_it_ends_is_revoked_for_ever(text: str) -> None:
    assert revoke("--token", reads=text).out == "revoked for ever: this token\n"
    assert is_revoked(token_mark(text.encode()), wall=time.time() + 10**9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is not a token"),
        ("two\nlines", "there is not a token"),
        ("x" * 70_000, "there is not a token"),
        (token(exp=int(time.time()) - 100), "has ended"),
        ("shop_ID.secret", "portico key revoke ID"),
    ],
    ids=["nothing", "two lines", "too long", "ended", "key"],
)
def test_what_is_no_token_revokes_nothing(text: str, said: str) -> None:
    done = revoke("--token", reads=text)
    assert (done.code, done.out) == (1, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("arguments", "mark"),
    [
        (["--jti", "j-1", "--identity", "users"], jti_mark("users", "j-1")),
        (["--family", "f-1"], family_mark("f-1")),
    ],
)
def test_what_has_a_name_is_revoked_outright(arguments: Sequence[str], mark: bytes) -> None:
    done = revoke(*arguments)
    assert (done.code, done.out.split(":")[0]) == (0, "revoked for ever")
    assert is_revoked(mark, issued=inf)


@pytest.mark.parametrize(
    ("arguments", "mark", "others"),
    [
        (
            ["--user", "ada", "--tenant", "t-1"],
            user_mark("t-1", "ada"),
            [user_mark(None, "ada"), tenant_mark("t-1")],
        ),
        (["--user", "ada"], user_mark(None, "ada"), [user_mark("t-1", "ada")]),
        (["--tenant", "t-1"], tenant_mark("t-1"), [user_mark("t-1", "ada"), tenant_mark("t-11")]),
    ],
)
def test_a_user_and_a_tenant_lose_what_they_were_issued_before_now(
    arguments: Sequence[str], mark: bytes, others: Sequence[bytes]
) -> None:
    before = time.time()
    assert revoke(*arguments).code == 0
    assert is_revoked(mark, issued=before)
    assert not is_revoked(mark, issued=time.time() + 1)
    assert not any(is_revoked(other) for other in others)


def test_it_is_forgotten_when_it_is_told_to() -> None:
    assert revoke("--family", "f-1", "--for", "1h").code == 0
    assert revoke("--family", "f-2", "--until", "2999-01-01").out.startswith(
        "revoked until 2999-01-01 00:00:00"
    )
    now = time.time()
    assert is_revoked(family_mark("f-1"), wall=now + 3500)
    assert not is_revoked(family_mark("f-1"), wall=now + 3700)
    assert is_revoked(family_mark("f-2"), wall=now + 10**9)


def test_a_session_is_ended_by_its_cookie_or_its_key() -> None:
    async def keep() -> None:
        store = open_in_process(Limits(0), "var")
        for name in ("one", "two"):
            await store.keep("session", key_of(name), b"{}", None)
        await store.close()

    async def left() -> list[str]:
        store = open_in_process(Limits(0), "var")
        found = [key async for key, _ in store.list("session")]
        await store.close()
        return found

    asyncio.run(keep())
    assert revoke("--session", reads="one.signature").code == 0
    assert asyncio.run(left()) == [key_of("two")]
    assert revoke("--session", reads=key_of("two")).code == 0
    assert asyncio.run(left()) == []
    assert all(is_revoked(session_mark(key_of(name))) for name in ("one", "two"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing is to be revoked"),
        (["--token", "--session"], "--token and --session"),
        (["--user", "ada", "--family", "f"], "--user and --family"),
        (["--jti", "j"], "go together"),
        (["--identity", "users", "--user", "ada"], "go together"),
        (["--family", "f", "--tenant", "t"], "--tenant"),
        (["--user", "ada", "--for", "1h", "--until", "2999-01-01"], "not both"),
        (["--user", "ada", "--for", "soon"], "is no time"),
        (["--user", "ada", "--until", "tomorrow"], "is no time"),
        (["--user", "ada", "--until", "2001-01-01"], "has passed"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: Sequence[str], said: str) -> None:
    done = revoke(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.replace("│", " ").split())
    assert not Path("var").exists()


def test_an_identity_that_there_is_not() -> None:
    done = revoke("--jti", "j", "--identity", "others")
    assert (done.code, done.out) == (1, "")
    assert "there is no identity others" in done.err
