"""Tokens that the gateway makes: at sign-in, by refresh, for services; and what ends them. From outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import jwt
import pytest

from portico.testing import RunningGateway, Upstream, gateway
from tests.integration.signing_in import USER, Auth, configured, may, post, refresh, sign_in
from tests.unit.identity.signing import SECRET


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def running(auth: Auth) -> AsyncIterator[RunningGateway]:
    async with Upstream(auth) as service, gateway(configured(service)) as made:
        yield made


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
