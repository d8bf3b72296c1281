"""`portico key` and `portico revoke` as operators use them, beside gateways that run."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import jwt
import pytest

from portico.testing import Upstream, gateway
from tests.integration.cli_gateway import SECRET, Portico, echoing
from tests.integration.supervised import PATIENCE_S, until
from tests.redis_server import RedisServer, redis_server
from tests.wired.site import ask

CONFIGURATION = """\
version: 1
gateway: {{listen: ["127.0.0.1:0"], workers: 2, data: {data}, shutdown: {{grace: 5s}}}}
identity:
  users: {{jwt: {{secret: "${{CLI_SECRET}}"}}}}
  partners: {{api_key: {{prefix: shop, cache: 1s, keys: {{till: {{secret: "{hash}"}}}}}}}}
roles: {{seller: {{permissions: ["tickets:sell"]}}}}
services: {{echo: {{url: "{url}"}}}}
routes:
  - {{match: /key/sell, service: echo, authenticate: partners, authorize: "tickets:sell"}}
  - {{match: /key/**, service: echo, authenticate: partners}}
  - {{match: /**, service: echo, authenticate: users}}
"""
TILL = "shop_till." + "s" * 43


class Ground:
    """A gateway of two workers, and the program beside it."""

    def __init__(self, program: Portico, authority: str) -> None:
        self.program = program
        self.authority = authority

    def printed(self, *arguments: str, reads: str = "") -> str:
        done = self.program(*arguments, reads=reads)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self, path: str, fields: Mapping[str, str]) -> int:
        connection = http.client.HTTPConnection(self.authority, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers=dict(fields))
            return connection.getresponse().status
        finally:
            connection.close()

    def key(self, key: str, path: str = "/key/") -> int:
        return self.status(path, {"x-api-key": key})

    def token(self, token: str) -> int:
        return self.status("/", {"authorization": f"Bearer {token}"})

    def ends(self, ask: Callable[[], int]) -> None:
        """Refused soon, and then by every worker."""
        until(lambda: [ask() for _ in range(8)] == [401] * 8, "a refusal by every worker")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("credentials")
    program = Portico(folder)
    with echoing() as url:
        text = CONFIGURATION.format(url=url, data="./var", hash="sha256:" + "0" * 64)
        (folder / "portico.yaml").write_text(text)
        # Before any gateway has run, from the key itself.
        hashed = program("key", "hash", reads=f"{TILL}\n").stdout.strip()
        (folder / "portico.yaml").write_text(text.replace("sha256:" + "0" * 64, hashed))
        try:
            greeting = program.run()
            address = next(word for line in greeting for word in line.split() if word.startswith("http://"))
            yield Ground(program, address.removeprefix("http://").rstrip("/"))
            assert program.running is not None
            program.running.terminate()
            assert program.wait() == 0
        finally:
            program.end()


def made(ground: Ground, *arguments: str) -> tuple[str, str]:
    """(the key, its id)."""
    text = ground.printed("key", "create", *arguments).strip()
    return text, text.removeprefix("shop_").partition(".")[0]


def test_a_key_from_its_making_to_its_end(ground: Ground) -> None:
    key, key_id = made(ground, "--tenant", "t-1", "--name", "tills", "--role", "seller", "--expires", "90d")
    assert [ground.key(key), ground.key(key, "/key/sell")] == [200, 200]
    listed = json.loads(ground.printed("key", "list", "--json", "--tenant", "t-1"))
    assert [(row["id"], row["state"], row["roles"], row["secrets"]) for row in listed] == [
        (key_id, "live", ["seller"], 1)
    ]
    assert key.partition(".")[2] not in ground.printed("key", "list")
    newer = ground.printed("key", "rotate", key_id, "--overlap", "1h").strip()
    assert newer.startswith(f"shop_{key_id}.")
    # The store process takes over what another process has written a quarter of a second later at the latest.
    until(lambda: ground.key(newer) == 200, "the new secret is good")
    assert ground.key(key) == 200
    assert "is revoked" in ground.printed("key", "revoke", key_id)
    for one in (key, newer):
        ground.ends(lambda one=one: ground.key(one))  # type: ignore[misc]


def test_what_a_key_may_and_how_often(ground: Ground) -> None:
    scoped, _ = made(ground, "--scope", "tickets:view", "--role", "seller")
    assert [ground.key(scoped), ground.key(scoped, "/key/sell")] == [200, 403]
    slow, _ = made(ground, "--limit", "2/h")
    assert [ground.key(slow) for _ in range(3)] == [200, 200, 429]


def test_a_key_that_is_written_in_the_file(ground: Ground) -> None:
    assert ground.key(TILL) == 200
    assert "remove it there" in ground.printed("key", "revoke", "till")
    ground.ends(lambda: ground.key(TILL))


def token(**claims: object) -> str:
    return jwt.encode({"sub": "ann", "exp": int(time.time()) + 600, **claims}, SECRET, "HS256")


def test_tokens_are_revoked_while_the_gateway_runs(ground: Ground) -> None:
    now = int(time.time())
    cases = {
        "--token": (token(sub="one"), token(sub="one", exp=now + 601), ["--token"]),
        "--jti": (token(jti="j-1"), token(jti="j-2"), ["--jti", "j-1", "--identity", "users"]),
        "--family": (token(fam="f-1"), token(fam="f-2"), ["--family", "f-1"]),
        "--user": (
            token(sub="bob", tenant_id="t-1", iat=now),
            token(sub="bob", tenant_id="t-2", iat=now),
            ["--user", "bob", "--tenant", "t-1"],
        ),
        "--tenant": (token(tenant_id="t-3", iat=now), token(tenant_id="t-4", iat=now), ["--tenant", "t-3"]),
    }
    for ended, other, arguments in cases.values():
        assert [ground.token(one) for one in (ended, other)] == [200, 200]
        assert ground.printed("revoke", *arguments, reads=ended).startswith("revoked ")
        ground.ends(lambda ended=ended: ground.token(ended))  # type: ignore[misc]
        assert ground.token(other) == 200
    # What is issued from now on is good again.
    later = int(time.time()) + 2
    assert ground.token(token(sub="bob", tenant_id="t-1", iat=later)) == 200


async def test_with_redis_it_is_at_once(tmp_path: Path) -> None:
    program = Portico(tmp_path)
    with redis_server() as redis:
        await _with_redis(redis, program, tmp_path)


async def _with_redis(redis: RedisServer, program: Portico, tmp_path: Path) -> None:
    async with Upstream() as echo:
        text = CONFIGURATION.format(url=echo.url, data=tmp_path / "var", hash="sha256:" + "0" * 64)
        text = text.replace("workers: 2, ", f'workers: 1, store: "{redis.url}", ')
        (tmp_path / "portico.yaml").write_text(text)
        async with gateway(text, env={"CLI_SECRET": SECRET}) as running:
            key = program("key", "create").stdout.strip()
            ended, other = token(jti="j-1"), token(jti="j-2")

            async def status(path: str, **fields: str) -> int:
                return (await ask(running.port, path, fields)).status

            fields = {"x-api-key": key}
            assert await status("/key/", **fields) == 200
            assert await status("/", authorization=f"Bearer {ended}") == 200
            assert program("revoke", "--token", reads=ended).returncode == 0
            assert await status("/", authorization=f"Bearer {ended}") == 401
            assert await status("/", authorization=f"Bearer {other}") == 200
            assert program("key", "revoke", key.removeprefix("shop_").partition(".")[0]).returncode == 0
            assert await status("/key/", **fields) == 401
