"""Attacks with API keys and with tokens that the gateway makes, each beside its honest twin.

What is done with forged and foreign tokens of issuers is in test_tokens.py, with venues in test_tenancy.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from math import inf
from typing import Any

import jwt
import pytest

from portico.exchange.marks import key_mark, tenant_mark, token_mark, user_mark
from portico.identity.api_key_record import KeyRecord, key_text, new_key
from portico.rules import Limits
from portico.stores import MemoryStore, Store
from portico.testing import Client, RunningGateway, Upstream, gateway, until
from tests.integration.signing_in import REFRESH_SECRET, Auth, configured, may, post, refresh, sign_in
from tests.unit.identity.signing import SECRET
from tests.wired.site import ask

KEYS = """
version: 1
gateway: {listen: ["127.0.0.1:0"], trusted_proxies: [127.0.0.1]}
logs: {access: off, level: error}
identity:
  partners: {api_key: {cache: 10ms}}
  admins: {api_key: {prefix: adm}}
roles: {seller: {permissions: ["tickets:*"]}}
services: {echo: {url: "<echo>"}}
routes:
  - {match: /admin, service: echo, authenticate: admins}
  - {match: /sell, service: echo, authenticate: partners, authorize: "tickets:sell"}
  - {match: /**, service: echo, authenticate: partners}
"""


class Keys:
    """A gateway that lets in by keys, and its store."""

    def __init__(self, running: RunningGateway) -> None:
        self.running = running
        self.store: Store = store_of(running)

    async def make(self, prefix: str = "ptk", **said: Any) -> tuple[KeyRecord, str]:
        made = new_key(prefix, time.time(), **said)
        await self.keep(made.record)
        return made.record, made.text

    async def keep(self, record: KeyRecord) -> None:
        await self.store.keep("apikey", record.id, record.encode(), record.expires)

    async def status(self, key: str, path: str = "/", **fields: str) -> int:
        return (await ask(self.running.port, path, {"x-api-key": key, **fields})).status


def store_of(running: RunningGateway) -> MemoryStore:
    return running.gateway.live.get("store", lambda: MemoryStore(Limits(0)))


@pytest.fixture
async def keys() -> AsyncIterator[Keys]:
    async with Upstream() as echo, gateway(KEYS.replace("<echo>", echo.url)) as running:
        yield Keys(running)


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def running(auth: Auth) -> AsyncIterator[RunningGateway]:
    async with Upstream(auth) as service, gateway(configured(service)) as made:
        yield made


async def audited(capfd: pytest.CaptureFixture[str], event: str) -> dict[str, Any]:
    """The audit line of this event, once it was written."""
    lines: list[dict[str, Any]] = []

    def written() -> bool:
        lines.extend(json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{"))
        return any(line.get("event") == event for line in lines)

    await until(written, f"an audit line of {event}")
    return next(line for line in lines if line.get("event") == event)


# -- API keys


async def test_a_revoked_key(keys: Keys, capfd: pytest.CaptureFixture[str]) -> None:
    record, text = await keys.make()
    _, other = await keys.make()
    assert await keys.status(text) == 200
    await keys.store.revoke(key_mark(record.id), inf)
    assert await keys.status(text) == 401  # although this worker has known it a moment ago
    assert (await audited(capfd, "revoked_token_used"))["userId"] == record.subject
    assert await keys.status(other) == 200


async def test_a_key_whose_record_says_revoked_or_expired(keys: Keys) -> None:
    record, text = await keys.make()
    for ended in (replace(record, revoked=time.time()), replace(record, expires=time.time() - 1)):
        await keys.store.keep("apikey", record.id, ended.encode(), None)
        assert await until_status(keys, text, 401)
    await keys.keep(record)
    assert await keys.status(text) == 200


async def until_status(keys: Keys, key: str, status: int) -> bool:
    """Ask until it is so: what a worker knows of a key is trusted for a moment."""
    end = time.monotonic() + 10
    while await keys.status(key) != status:
        assert time.monotonic() < end
    return True


async def test_a_key_of_everybody_who_was_revoked(keys: Keys) -> None:
    _, text = await keys.make(subject="till", tenant="t-1")
    _, other = await keys.make(subject="till", tenant="t-2")
    await keys.store.revoke(user_mark("t-1", "till"), inf, time.time())
    assert [await keys.status(key) for key in (text, other)] == [401, 200]
    await keys.store.revoke(tenant_mark("t-2"), inf, time.time())
    assert await keys.status(other) == 401
    _, newer = await keys.make(subject="till", tenant="t-2")
    assert await keys.status(newer) == 200


async def test_a_key_with_another_prefix(keys: Keys) -> None:
    record, text = await keys.make()
    assert await keys.status(text) == 200
    assert await keys.status(text, "/admin") == 401
    for prefix in ("adm", "PTK", "ptk_ptk", ""):
        changed = f"{prefix}_{text.removeprefix('ptk_')}"
        assert await keys.status(changed) == 401
        assert await keys.status(changed, "/admin") == 401
    _, admin = await keys.make("adm")
    assert await keys.status(admin, "/admin") == 200
    assert record.id in text


async def test_an_old_secret_after_the_overlap(keys: Keys) -> None:
    record, text = await keys.make()
    newer, secret = record.rotated(3600.0, time.time())
    await keys.keep(newer)
    assert [await keys.status(key) for key in (text, key_text(newer, secret))] == [200, 200]
    newest, newest_secret = newer.rotated(3600.0, time.time())  # two live, the third from the end is gone
    await keys.keep(newest)
    assert await until_status(keys, text, 401)
    assert [await keys.status(key_text(newest, one)) for one in (secret, newest_secret)] == [200, 200]
    over, latest_secret = newest.rotated(0.0, time.time())
    await keys.keep(over)
    assert await until_status(keys, key_text(newest, newest_secret), 401)
    assert await keys.status(key_text(over, latest_secret)) == 200


async def test_a_key_from_another_network(keys: Keys) -> None:
    _, text = await keys.make(addresses=(ip_network("192.0.2.0/24"),))
    known = {"x-forwarded-for": "192.0.2.7"}  # as a proxy that is trusted says
    assert await keys.status(text, **known) == 200
    for far in ("198.51.100.7", "192.0.2.7, 198.51.100.7", "::ffff:198.51.100.7", "unknown"):
        assert await keys.status(text, **{"x-forwarded-for": far}) == 401, far
    assert await keys.status(text) == 401
    assert await keys.status(text, **known) == 200


async def test_keys_that_are_none(keys: Keys) -> None:
    record, text = await keys.make()
    head, _, secret = text.partition(".")
    for wrong in (
        head,
        f"{head}.",
        f"{head}.{secret[:-1]}",
        f"{head}.{secret}{secret}",
        f"{head}.{secret[::-1]}",
        f"{text} {text}",
        f"ptk_.{secret}",
        f"ptk_{record.id}*.{secret}",
        f"ptk_{'x' * 64}.{secret}",
        f"ptk_{'x' * 7000}.{secret}",
        "x" * 7000,
        record.secrets[0].hash,
        f"{head}.{record.secrets[0].hash[:43]}",
        f"Bearer {text}",
    ):
        assert await keys.status(wrong) == 401, wrong
    assert await keys.status("x" * 70_000) == 431
    assert await keys.status(text) == 200


async def test_scopes_take_away_and_add_nothing(keys: Keys) -> None:
    _, seller = await keys.make(roles=("seller",))
    _, scoped = await keys.make(roles=("seller",), scopes=("tickets:view",))
    _, sells = await keys.make(scopes=("tickets:sell",))
    assert [await keys.status(key, "/sell") for key in (seller, scoped, sells)] == [200, 403, 200]
    assert await keys.status(scoped) == 200


async def test_nobody_is_somebody_else_beside_a_key(keys: Keys) -> None:
    _, text = await keys.make(subject="till", tenant="t-1", roles=("seller",))
    spoofed = [
        "X-Tenant-ID: t-2", "X_Tenant_ID: t-2", "X-TENANT-SOURCE: jwt", "X-User-ID: root", "x_user_id: root",
        "X-User-Role: admin", "X-User-Permissions: *", "X-Gateway-Internal: true",
    ]  # fmt: skip
    lines = "\r\n".join([*spoofed, "Connection: keep-alive, x-user-id, x-tenant-id", f"X-API-Key: {text}"])
    async with await Client.connect(keys.running.port) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode())
        reply = await client.final_reply()
    assert reply.status == 200
    heard = [(name.lower().replace("_", "-"), value) for name, value in json.loads(reply.body)["headers"]]
    told = {"x-user-id": "till", "x-tenant-id": "t-1", "x-tenant-source": "api-key", "x-user-role": "seller"}
    for name, value in told.items():
        assert [text for other, text in heard if other == name] == [value]
    assert not {"x-user-permissions", "x-gateway-internal"} & {name for name, _ in heard}


async def test_two_keys_in_one_request(keys: Keys) -> None:
    _, one = await keys.make()
    _, two = await keys.make()
    for pair in ((one, two), (one, "x"), (one, one)):
        async with await Client.connect(keys.running.port) as client:
            lines = "\r\n".join(f"X-API-Key: {key}" for key in pair)
            client.send(f"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode())
            assert (await client.final_reply()).status == 401
    assert await keys.status(one) == 200


# -- tokens that the gateway makes


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(
    running: RunningGateway, capfd: pytest.CaptureFixture[str]
) -> None:
    first = await sign_in(running)
    reply = await refresh(running, first["refreshToken"])
    assert reply.status == 200
    assert reply.get(b"cache-control") == b"no-store"
    second = json.loads(reply.body)
    assert second.keys() == {"accessToken", "refreshToken"}
    assert await may(running, second["accessToken"]) == 200
    reply = await refresh(running, second["refreshToken"])
    third = json.loads(reply.body)
    assert await may(running, third["accessToken"]) == 200
    # A thief who kept the first one, or the owner after the thief: nobody goes on.
    spent = {"refreshToken": first["refreshToken"]}
    assert (await post(running, "/refresh", spent, **{"user-agent": "thief/1"})).status == 401
    line = await audited(capfd, "refresh_token_reused")
    assert (line["severity"], line["userId"], line["tenantId"]) == ("high", "u-1", "t-1")
    assert (line["ip"], line["userAgent"]) == ("127.0.0.1", "thief/1")
    assert (await refresh(running, third["refreshToken"])).status == 401
    for said in (first, second, third):
        assert await may(running, said["accessToken"]) == 401
    # Another sign-in of the same user is another family.
    assert await may(running, (await sign_in(running))["accessToken"]) == 200


def forged(**claims: Any) -> str:
    now = int(time.time())
    said = {
        "type": "refresh",
        "of": "users",
        "fam": "f",
        "gen": 0,
        "iss": "shop",
        "iat": now,
        "exp": now + 60,
        "jti": "j",
        "said": {"sub": "u"},
    }
    made = {name: value for name, value in {**said, **claims}.items() if value is not None}
    return jwt.encode(made, REFRESH_SECRET, algorithm="HS256")


async def test_only_refresh_tokens_refresh(running: RunningGateway) -> None:
    said = await sign_in(running)
    other_secret = jwt.encode(jwt.decode(forged(), options={"verify_signature": False}), SECRET)
    unsigned = jwt.encode(jwt.decode(forged(), options={"verify_signature": False}), "", algorithm="none")
    for token in (
        said["accessToken"],
        forged(type="access"),
        forged(iss="elsewhere"),
        forged(iss=None),
        forged(of="services"),
        forged(of=None),
        forged(jti=None),
        forged(iat=int(time.time()) - 7300, exp=int(time.time()) + 3600),  # from when lives were longer
        forged(exp=int(time.time()) - 1),
        forged(gen="0"),
        forged(gen=5),
        forged(said=None),
        other_secret,
        unsigned,
        "x",
    ):
        assert (await refresh(running, token)).status == 401, token
    assert (await refresh(running, forged(fam="g"))).status == 200  # the twin of those above
    bodies: list[object] = [{}, {"refreshToken": 5}, [], "text"]
    for body in bodies:
        reply = await post(running, "/refresh", body)
        assert reply.status == 422, body
        assert json.loads(reply.body)["code"] == "VALIDATION_ERROR"


async def test_a_revoked_user_cannot_refresh(running: RunningGateway) -> None:
    said = await sign_in(running)
    await store_of(running).revoke(user_mark("t-1", "u-1"), inf, time.time() + 1)
    assert (await refresh(running, said["refreshToken"])).status == 401
    assert await may(running, said["accessToken"]) == 401


async def test_a_service_token_is_for_its_audience(running: RunningGateway) -> None:
    bearer = {"authorization": f"Bearer {(await sign_in(running))['accessToken']}"}
    reply = await post(running, "/grant", {"audience": "reports"}, **bearer)
    said = json.loads(reply.body)
    assert (said["tokenType"], said["expiresIn"]) == ("Bearer", 300)
    token = {"x-service-token": said["accessToken"]}
    assert (await ask(running.port, "/reports", token)).status == 200
    stock = json.loads((await post(running, "/grant", {"audience": "stock"}, **bearer)).body)
    assert (await ask(running.port, "/reports", {"x-service-token": stock["accessToken"]})).status == 401
    assert (await post(running, "/grant", {"audience": "payroll"}, **bearer)).status == 422
    assert (await post(running, "/grant", {"audience": "reports"})).status == 401


async def test_a_revoked_refresh_token(running: RunningGateway) -> None:
    one, other = await sign_in(running), await sign_in(running)
    await store_of(running).revoke(token_mark(one["refreshToken"].encode()), inf)
    assert (await refresh(running, one["refreshToken"])).status == 401
    assert (await refresh(running, other["refreshToken"])).status == 200


async def test_a_refresh_token_of_another_identity(auth: Auth) -> None:
    """Two identities with one secret for refresh tokens, as environments have it: each takes only its own."""
    async with Upstream(auth) as service:
        text = configured(service).replace(
            "issue: {access: 5m,", f'issue: {{refresh_secret: "{REFRESH_SECRET}", access: 5m,'
        )
        text = text.replace("      audience: [reports]\n", "      audience: [reports]\n      issuer: shop\n")
        text += "  - {match: POST /refresh/services, service: auth, authenticate: none, tokens: {refresh: services}}\n"
        async with gateway(text) as running:
            said = await sign_in(running)
            foreign = await post(running, "/refresh/services", {"refreshToken": said["refreshToken"]})
            assert foreign.status == 401
            assert (await refresh(running, said["refreshToken"])).status == 200


async def test_a_key_that_is_bound_to_venues_is_granted_no_token_that_is_not(auth: Auth) -> None:
    async with Upstream(auth) as service:
        text = configured(service).replace("roles:", "  partners: {api_key: {}}\nroles:", 1)
        text = text.replace(
            "match: POST /grant, service: auth,", "match: POST /grant, service: auth, authenticate: partners,"
        )
        async with gateway(text) as running:
            statuses = []
            for venues in (("v-1",), ()):
                made = new_key("ptk", time.time(), venues=venues)
                await store_of(running).keep("apikey", made.record.id, made.record.encode(), None)
                reply = await post(running, "/grant", {"audience": "reports"}, **{"x-api-key": made.text})
                statuses.append(reply.status)
            assert statuses == [403, 200]
