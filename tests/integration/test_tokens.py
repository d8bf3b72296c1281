"""Tokens that the gateway makes: at sign-in, by refresh, for services; and what ends them. From outside."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from math import inf
from typing import Any

import jwt
import pytest

from portico.exchange.marks import user_mark
from portico.rules import Limits
from portico.stores import MemoryStore
from portico.testing import Link, Message, RunningGateway, Upstream, gateway
from tests.unit.identity.signing import SECRET
from tests.wired.site import ask

REFRESH_SECRET = "the refresh secret of the tests, which is another one"
USER = {"id": "u-1", "tenant_id": "t-1", "role": "agent", "email": "ada@shop.test"}

CONFIGURATION = """
version: 1
gateway: {{listen: ["127.0.0.1:0"]}}
logs: {{access: off, level: error}}
identity:
  users:
    jwt:
      secret: "{secret}"
      type: access
      issuer: shop
      issue: {{refresh_secret: "{refresh}", access: 1h, refresh: 2h, {more}}}
  services:
    jwt:
      secret: "the secret of service tokens, which is a third one"
      header: x-service-token
      audience: [reports]
      issue: {{access: 5m, audiences: [reports, stock]}}
roles: {{agent: {{}}, admin: {{}}}}
services:
  auth: {{url: "{auth}"}}
defaults: {{authenticate: users}}
routes:
  - {{match: POST /login, service: auth, authenticate: none, tokens: {{login: users}}}}
  - {{match: POST /refresh, service: auth, authenticate: none, tokens: {{refresh: users}}}}
  - {{match: POST /logout, service: auth, tokens: {{logout: users}}}}
  - {{match: POST /grant, service: auth, tokens: {{grant: services}}}}
  - {{match: /reports, service: auth, authenticate: services}}
  - {{match: /me, service: auth}}
  - {{match: /admin, service: auth, authorize: {{roles: [admin]}}}}
"""


class Auth:
    """A service that knows one user. `status` is what it answers with to everything but a look-up."""

    def __init__(self) -> None:
        self.status = b"200 OK"
        self.user: dict[str, Any] | None = dict(USER)
        self.body: bytes | None = None

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            said: dict[str, Any] = {"user": self.user, "accessToken": "of the service"}
            status = self.status
            if request.target.startswith(b"/users/"):
                assert request.get(b"x-gateway-internal") == b"true"
                status, said = (b"200 OK", self.user) if self.user else (b"404 Not Found", {})
            body = json.dumps(said).encode() if self.body is None else self.body
            link.send(
                b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (status, len(body), body)
            )


@pytest.fixture
def auth() -> Auth:
    return Auth()


def configured(service: Upstream, more: str = "") -> str:
    return CONFIGURATION.format(secret=SECRET, refresh=REFRESH_SECRET, auth=service.url, more=more)


@pytest.fixture
async def running(auth: Auth) -> AsyncIterator[RunningGateway]:
    async with Upstream(auth) as service, gateway(configured(service)) as made:
        yield made


async def post(running: RunningGateway, path: str, said: object = None, **fields: str) -> Message:
    body = b"" if said is None else json.dumps(said).encode()
    return await ask(running.port, path, fields, method="POST", body=body)


async def sign_in(running: RunningGateway) -> dict[str, Any]:
    reply = await post(running, "/login", {"email": "ada@shop.test", "password": "right"})
    assert reply.status == 200, reply.body
    said: dict[str, Any] = json.loads(reply.body)
    return said


async def refresh(running: RunningGateway, token: str) -> Message:
    return await post(running, "/refresh", {"refreshToken": token})


async def may(running: RunningGateway, access: str, path: str = "/me") -> int:
    return (await ask(running.port, path, {"authorization": f"Bearer {access}"})).status


async def test_a_sign_in_gives_tokens_that_are_accepted(running: RunningGateway) -> None:
    reply = await post(running, "/login", {"email": "ada@shop.test", "password": "right"})
    said = json.loads(reply.body)
    assert said["user"] == USER
    assert said["accessToken"] != "of the service"
    assert reply.all(b"cache-control") == [b"no-store"]
    claims = jwt.decode(said["accessToken"], SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["tenant_id"], claims["role"]) == ("u-1", "t-1", "agent")
    assert (claims["type"], claims["iss"], claims["exp"] - claims["iat"]) == ("access", "shop", 3600)
    assert await may(running, said["accessToken"]) == 200
    assert await may(running, said["refreshToken"]) == 401


async def test_who_is_not_signed_in_gets_no_tokens(running: RunningGateway, auth: Auth) -> None:
    auth.status = b"401 Unauthorized"
    reply = await post(running, "/login", {"email": "ada@shop.test", "password": "wrong"})
    assert reply.status == 401
    assert json.loads(reply.body)["accessToken"] == "of the service"  # its own words, untouched


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"user": {"id": ""}}', b'{"user": {"id": {}}}'])
async def test_a_service_that_does_not_say_who_gives_no_tokens(
    running: RunningGateway, auth: Auth, body: bytes
) -> None:
    auth.body = body
    reply = await post(running, "/login", {})
    assert reply.status == 500
    assert b"oken" not in reply.body.replace(b"type", b"")


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(running: RunningGateway) -> None:
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
    assert (await refresh(running, first["refreshToken"])).status == 401
    assert (await refresh(running, third["refreshToken"])).status == 401
    for said in (first, second, third):
        assert await may(running, said["accessToken"]) == 401
    # Another sign-in of the same user is another family.
    assert await may(running, (await sign_in(running))["accessToken"]) == 200


async def test_of_two_at_once_one_is_late(running: RunningGateway) -> None:
    token = (await sign_in(running))["refreshToken"]
    replies = await asyncio.gather(*(refresh(running, token) for _ in range(5)))
    assert sorted(reply.status for reply in replies).count(200) <= 1
    assert (await refresh(running, token)).status == 401


async def test_a_lost_answer_is_forgiven_for_a_while(auth: Auth) -> None:
    async with Upstream(auth) as service, gateway(configured(service, "grace: 1h")) as running:
        token = (await sign_in(running))["refreshToken"]
        first = json.loads((await refresh(running, token)).body)
        again = await refresh(running, token)
        assert again.status == 200
        # What was lost cannot be used any more, and says so by ending everything.
        latest = json.loads((await refresh(running, json.loads(again.body)["refreshToken"])).body)
        assert await may(running, latest["accessToken"]) == 200
        assert (await refresh(running, first["refreshToken"])).status == 401
        assert await may(running, latest["accessToken"]) == 401


async def test_a_new_token_says_what_is_true_now(auth: Auth) -> None:
    more = "user: {service: auth, path: '/users/{id}'}"
    async with Upstream(auth) as service, gateway(configured(service, more)) as running:
        said = await sign_in(running)
        assert await may(running, said["accessToken"], "/admin") == 403
        assert auth.user is not None
        auth.user["role"] = "admin"
        said = json.loads((await refresh(running, said["refreshToken"])).body)
        assert await may(running, said["accessToken"], "/admin") == 200
        auth.user = None
        assert (await refresh(running, said["refreshToken"])).status == 401
        assert await may(running, said["accessToken"]) == 401


def forged(**claims: Any) -> str:
    now = int(time.time())
    said = {
        "type": "refresh",
        "fam": "f",
        "gen": 0,
        "iss": "shop",
        "iat": now,
        "exp": now + 60,
        "said": {"sub": "u"},
    }
    return jwt.encode({**said, **claims}, REFRESH_SECRET, algorithm="HS256")


async def test_only_refresh_tokens_refresh(running: RunningGateway) -> None:
    said = await sign_in(running)
    other_secret = jwt.encode(jwt.decode(forged(), options={"verify_signature": False}), SECRET)
    unsigned = jwt.encode(jwt.decode(forged(), options={"verify_signature": False}), "", algorithm="none")
    for token in (
        said["accessToken"],
        forged(type="access"),
        forged(iss="elsewhere"),
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
    store = running.gateway.live.get("store", lambda: MemoryStore(Limits(0)))
    await store.revoke(user_mark("t-1", "u-1"), inf, time.time() + 1)
    assert (await refresh(running, said["refreshToken"])).status == 401
    assert await may(running, said["accessToken"]) == 401


async def test_a_sign_out_ends_the_token_and_its_family_when_the_service_agrees(
    running: RunningGateway, auth: Auth
) -> None:
    said, other = await sign_in(running), await sign_in(running)
    bearer = {"authorization": f"Bearer {said['accessToken']}"}
    auth.status = b"500 Internal Server Error"
    assert (await post(running, "/logout", **bearer)).status == 500
    auth.status = b"200 OK"
    assert await may(running, said["accessToken"]) == 200
    assert (await post(running, "/logout", **bearer)).status == 200
    assert await may(running, said["accessToken"]) == 401
    assert (await refresh(running, said["refreshToken"])).status == 401
    assert await may(running, other["accessToken"]) == 200


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
