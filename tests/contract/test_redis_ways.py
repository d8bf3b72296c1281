"""Who may come to Redis and how: users, TLS, a server that hangs or was made a replica; and who may use our process."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portico.config.values.stores import store_address
from portico.rules import LimitRule, Limits
from portico.stores import Ask, MemoryStore, Outcome, Spend, StoreAwayError
from portico.stores.redis import RedisStore
from portico.stores.server import StoreServer
from tests.certificates import Authority
from tests.redis_server import RedisServer, redis_server

ASK = Ask([Spend(b"ip:x", LimitRule(1, 3600.0, 1), b"ada")], [b"jti:1"])


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def at(url: str, timeout_s: float = 30.0) -> RedisStore:
    return RedisStore(store_address(url), "", timeout_s)


async def test_a_user_needs_no_more_than_what_the_page_says(redis: RedisServer) -> None:
    redis.ask(
        "ACL",
        "SETUSER",
        "gate",
        "on",
        ">pw",
        "~*",
        "+@read",
        "+@write",
        "+@scripting",
        "+@connection",
        "+time",
    )
    store = at(redis.url.replace("://", "://gate:pw@"))
    await store.connect()
    assert [(await store.judge(ASK)).outcome for _ in range(2)] == [Outcome.PASSED, Outcome.EARLY]
    await store.keep("session", "a", b"1", time.time() + 60)
    assert [key async for key, _ in store.list("session")] == ["a"]
    await store.close()


async def test_a_user_who_may_not_is_named(redis: RedisServer) -> None:
    redis.ask("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read", "+@connection")
    for who, said in (
        ("reader:pw", "refuses the credentials: NOPERM"),
        ("reader:no", "refuses the credentials: WRONGPASS"),
    ):
        store = at(redis.url.replace("://", f"://{who}@"))
        with pytest.raises(StoreAwayError, match=said):
            await store.connect()
        await store.close()


async def test_what_an_operator_writes_by_hand_counts(redis: RedisServer) -> None:
    store = at(redis.url)
    redis.ask("SET", "session:blacklist:jti:1", "1", "EX", "86400")
    assert (await store.judge(ASK)).outcome is Outcome.REVOKED
    await store.revoke(b"jti:1", time.time() + 10, before=5.0)
    assert (await store.judge(Ask(marks=[b"jti:1"], issued=9e9))).outcome is Outcome.REVOKED
    assert int(redis.ask("TTL", "session:blacklist:jti:1")) > 80_000
    await store.close()


async def test_by_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    authority = Authority()
    for name in ("server", "client"):
        authority.issue(["localhost"], key_name=name).write(tmp_path, name)
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shown = ("--tls-cert-file", f"{tmp_path}/server.pem", "--tls-key-file", f"{tmp_path}/server.key")
    options = ("--tls-port", str(port), *shown, "--tls-ca-cert-file", str(ca))
    with redis_server(*options):
        own = f"cert={tmp_path}/client.pem&key={tmp_path}/client.key"
        store = at(f"rediss://localhost:{port}?ca={ca}&{own}")
        await store.connect()
        await store.close()
        for url in (f"rediss://localhost:{port}?{own}", f"rediss://localhost:{port}?ca={ca}"):
            store = at(url)
            with pytest.raises(StoreAwayError):
                await store.connect()
            await store.close()


async def test_one_that_hangs_is_given_up_in_time_and_used_when_it_goes_on(redis: RedisServer) -> None:
    store = at(redis.url, 0.05)
    await store.connect()
    redis.pause()
    start = time.monotonic()
    told = await asyncio.gather(*(store.judge(Ask()) for _ in range(100)), return_exceptions=True)
    assert {str(one) for one in told} == {"no answer within 50 ms"}
    assert time.monotonic() - start < 10
    redis.go_on()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            assert (await store.judge(Ask())).outcome is Outcome.PASSED
            break
        except StoreAwayError:
            await asyncio.sleep(0.01)
    else:
        raise AssertionError("it is never used again")
    await store.close()


async def test_one_that_was_made_a_replica_is_away(redis: RedisServer) -> None:
    store = at(redis.url)
    await store.connect()
    redis.ask("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreAwayError, match="READONLY"):
        await store.connect()
    redis.ask("REPLICAOF", "NO", "ONE")
    await store.connect()
    await store.close()


async def test_scripts_that_were_flushed_are_loaded_again(redis: RedisServer) -> None:
    store = at(redis.url)
    assert (await store.judge(ASK)).outcome is Outcome.PASSED
    redis.ask("SCRIPT", "FLUSH")
    assert (await store.judge(ASK)).outcome is Outcome.EARLY
    await store.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
async def test_the_store_process_answers_nobody_elses_processes() -> None:
    server = StoreServer(MemoryStore(Limits(10)))
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = f"{folder}/store.sock"
        listening.bind(path)
        os.chmod(folder, 0o755)
        os.chmod(path, 0o777)
        await server.serve(listening)
        for user, heard in ((0, "TimeoutError"), (65534, "b''")):
            program = (
                f"import os, socket; os.setuid({user}); s = socket.socket(socket.AF_UNIX); s.settimeout(1);"
                f"s.connect({path!r})\ntry: print(s.recv(1))\nexcept Exception as e: print(type(e).__name__)"
            )
            done = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=True
            )
            assert done.stdout.strip() == heard, user
        await server.close()
