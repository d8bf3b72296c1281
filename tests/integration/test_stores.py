"""What gateways share, from outside: real processes, a real Redis that is killed, a store process that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from portico.testing import Client, Upstream, until
from portico.testing.running import running
from portico.testing.upstream import echo
from tests.redis_server import RedisServer, redis_server

PATIENCE_S = 60.0
CONFIGURATION = """\
version: 1
gateway:
  listen: ["127.0.0.1:${{PORT}}"]
  workers: {workers}
  store: {store}
  shutdown: {{grace: 5s}}
logs: {{access: "off"}}
services:
  up: {{url: "{up}"}}
routes:
  - {{match: /**, service: up, authenticate: none, rate_limit: [{{allow: {allow}, per: ip}}]}}
"""
PASSED, REFUSED, CLOSED = 200, 429, 503


def configuration(up: Upstream, store: str = "{timeout: 30s}", workers: int = 2, allow: str = "100/h") -> str:
    """A question has all the time that a busy machine takes, where the store says nothing else."""
    return CONFIGURATION.format(up=up.url, store=store, workers=workers, allow=allow)


async def ask(port: int, count: int, connections: int = 10) -> Counter[int]:
    """The statuses of so many requests over several connections."""
    told: Counter[int] = Counter()

    async def some(number: int) -> None:
        async with await Client.connect(port) as client:
            for _ in range(number):
                client.send(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n")
                told[(await client.final_reply()).status] += 1

    await asyncio.gather(*(some(count // connections) for _ in range(connections)))
    return told


async def figure(port: int, line: str) -> float:
    async with await Client.connect(port) as client:
        client.send(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n")
        body = (await client.final_reply()).body.decode()
    return float(next(each for each in body.splitlines() if each.startswith(line)).rpartition(" ")[2])


async def becomes(port: int, line: str, value: float) -> None:
    end = time.monotonic() + PATIENCE_S
    while await figure(port, line) != value:
        assert time.monotonic() < end, f"{line} is not {value}"
        await asyncio.sleep(0.05)


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream(echo) as upstream:
        yield upstream


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


async def test_two_gateways_share_one_limit_in_one_redis(
    tmp_path: Path, up: Upstream, redis: RedisServer
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    text = configuration(up, f'{{url: "{redis.url}", timeout: 30s}}')
    with running(text, tmp_path / "a") as one, running(text, tmp_path / "b") as other:
        told = await asyncio.gather(ask(one.port, 100), ask(other.port, 100))
        assert told[0] + told[1] == {PASSED: 100, REFUSED: 100}
        keys = redis.ask("KEYS", "rl:ip:127.0.0.1:*").split()
        assert len(keys) == 1
        assert 0 < int(redis.ask("TTL", keys[0])) <= 3600


async def test_two_workers_without_redis_share_one_limit_over_a_reload(tmp_path: Path, up: Upstream) -> None:
    with running(configuration(up), tmp_path) as gateway:
        first = await ask(gateway.port, 60)
        generation = [worker["generation"] for worker in gateway.status()["workers"]]
        gateway.reload()
        await until(
            lambda: [worker["generation"] for worker in gateway.status()["workers"]] != generation, "a reload"
        )
        assert first + await ask(gateway.port, 140) == {PASSED: 100, REFUSED: 100}
        assert oct((tmp_path / "var" / "portico.db").stat().st_mode)[-3:] == "600"


async def test_a_redis_that_is_killed_under_load_harms_no_request(
    tmp_path: Path, up: Upstream, redis: RedisServer
) -> None:
    text = configuration(up, f'{{url: "{redis.url}"}}', workers=1, allow="1000000/h")
    with running(text, tmp_path) as gateway:
        await becomes(gateway.port, "portico_store_up", 1)
        asked = 0
        stop = False

        async def load() -> None:
            nonlocal asked
            while not stop:
                told = await ask(gateway.port, 20, 4)
                assert told == {PASSED: 20}, "by the local limit, which is as wide"
                asked += 20

        loading = asyncio.create_task(load())
        await until(lambda: asked >= 100 or loading.done(), "some load", PATIENCE_S)
        redis.kill()
        await becomes(gateway.port, "portico_store_up", 0)
        during = asked
        await until(lambda: asked >= during + 200 or loading.done(), "load without Redis", PATIENCE_S)
        await asyncio.to_thread(redis.start)
        await becomes(gateway.port, "portico_store_up", 1)
        after = asked
        await until(lambda: asked >= after + 200 or loading.done(), "load with Redis again", PATIENCE_S)
        stop = True
        await loading
        assert redis.ask("KEYS", "rl:*"), "it counts there again"
        assert gateway.log.count("the store is away") == gateway.log.count("the store is back") == 1


@pytest.mark.parametrize(
    ("away", "told"),
    [
        ("{limits: local}", {PASSED: 5, REFUSED: 15}),
        ("{limits: local, gateways: 5}", {PASSED: 1, REFUSED: 19}),
        ("{limits: open}", {PASSED: 20}),
        ("{limits: closed}", {CLOSED: 20}),
    ],
)
async def test_without_redis_limits_do_what_is_declared(
    tmp_path: Path, up: Upstream, redis: RedisServer, away: str, told: dict[int, int]
) -> None:
    redis.kill()
    text = configuration(up, f'{{url: "{redis.url}", away: {away}}}', workers=1, allow="5/h")
    with running(text, tmp_path) as gateway:
        assert await ask(gateway.port, 20, 2) == told
        async with await Client.connect(gateway.port) as client:
            client.send(b"GET /ready HTTP/1.1\r\nhost: a\r\n\r\n")
            ready = await client.final_reply()
        assert ready.status == 200
        assert b'"store":"away"' in ready.body


async def test_wrong_credentials_are_named_and_degrade_as_redis_down(tmp_path: Path, up: Upstream) -> None:
    with redis_server("--requirepass", "right") as server:
        url = server.url.replace("://", "://:wrong@")
        with running(configuration(up, f'{{url: "{url}"}}', workers=1, allow="5/h"), tmp_path) as gateway:
            await until(lambda: "refuses the credentials" in gateway.log, "a word about it", PATIENCE_S)
            assert await ask(gateway.port, 20, 2) == {PASSED: 5, REFUSED: 15}
            assert "wrong" not in gateway.log.replace("WRONGPASS", "").lower().replace("invalid", "")


async def test_a_store_process_that_is_killed_comes_back_and_nobody_notices(
    tmp_path: Path, up: Upstream
) -> None:
    with running(configuration(up, "{timeout: 2s}", allow="1000000/h"), tmp_path) as gateway:
        assert await ask(gateway.port, 10) == {PASSED: 10}
        store = gateway.status()["store"]
        asking = asyncio.create_task(ask(gateway.port, 200))
        os.kill(store["pid"], signal.SIGKILL)
        assert await asking == {PASSED: 200}

        def back() -> bool:
            now: dict[str, Any] = gateway.status()["store"]
            return bool(now["ready"] and now["pid"] != store["pid"] and now["restarts"] == 1)

        await until(back, "another store process", PATIENCE_S)
        await becomes(gateway.port, "portico_store_up", 1)
    assert gateway.process.returncode == 0


async def test_a_store_process_ends_with_the_gateway_however_that_ends(tmp_path: Path, up: Upstream) -> None:
    with contextlib.suppress(AssertionError), running(configuration(up), tmp_path) as gateway:
        assert await ask(gateway.port, 10) == {PASSED: 10}
        pid = gateway.status()["store"]["pid"]
        gateway.process.kill()
        gateway.process.wait()
        await until(lambda: not _runs(pid), "the end of the store process", PATIENCE_S)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_database_that_is_none_stops_nobody_and_is_taken_up_when_mended(
    tmp_path: Path, up: Upstream, workers: int
) -> None:
    database = tmp_path / "var" / "portico.db"
    database.parent.mkdir()
    database.write_bytes(b"no database " * 1000)
    text = configuration(up, "{timeout: 30s}", workers, "5/h")
    with running(text, tmp_path) as gateway:
        await until(lambda: "file is not a database" in gateway.log, "a word about it", PATIENCE_S)
        assert (await ask(gateway.port, 10, 2))[PASSED] >= 1
        database.unlink()
        await becomes(gateway.port, "portico_store_up", 1)
        assert "the store is back" in gateway.log


async def test_one_worker_keeps_its_facts_in_a_file_of_its_own(tmp_path: Path, up: Upstream) -> None:
    with running(configuration(up, workers=1), tmp_path) as gateway:
        assert await ask(gateway.port, 10, 2) == {PASSED: 10}
        assert gateway.status()["store"] is None
    database = tmp_path / "var" / "portico.db"
    assert oct(database.stat().st_mode)[-3:] == "600"
    with contextlib.closing(sqlite3.connect(database)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert opened.execute("SELECT count(*) FROM facts").fetchone() == (0,)
