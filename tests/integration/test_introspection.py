"""Tokens that only their issuer can read, seen from outside: asked about once, remembered, and the issuer away."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import httpx
import jwt
import pytest

from portico.testing import RunningGateway, Upstream, gateway, until
from tests.integration.token_issuer import Issuer
from tests.unit.identity.signing import private_key, private_pem

CONFIGURATION = """
version: 1
logs: {{access: off}}
identity:
  users: {{introspection: {{{where}, client: {{{client}}}, {more}}}}}
  own: {{jwt: {{secret: "a secret of the tests that is more than enough", issuer: me}}}}
roles: {{agent: {{permissions: ["tickets:*"]}}}}
services: {{echo: {{url: "{echo}"}}, auth: {{url: "{issuer}", breaker: off}}}}
defaults: {{authenticate: users}}
routes:
  - {{match: /tickets, service: echo, authorize: "tickets:view"}}
  - {{match: /either, service: echo, authenticate: [own, users]}}
  - {{match: /**, service: echo}}
"""
SECRET = "id: gateway, secret: s3cr3t"


class Ground:
    """A gateway that asks `issuer`, and a client."""

    def __init__(self, running: RunningGateway, issuer: Issuer, client: httpx.AsyncClient) -> None:
        self.running = running
        self.issuer = issuer
        self.client = client

    async def ask(self, token: str, path: str = "/") -> httpx.Response:
        return await self.client.get(path, headers={"authorization": f"Bearer {token}"})

    async def status(self, token: str, path: str = "/") -> int:
        return (await self.ask(token, path)).status_code

    @property
    def asked(self) -> int:
        return self.issuer.asked["/introspect"]


@asynccontextmanager
async def ground(
    where: str = 'url: "{issuer}/introspect"', client: str = SECRET, more: str = ""
) -> AsyncIterator[Ground]:
    issuer = Issuer()
    async with Upstream() as echo, Upstream(issuer.script) as service:
        issuer.url = service.url
        text = CONFIGURATION.format(
            where=where.format(issuer=service.url),
            client=client,
            more=more,
            echo=echo.url,
            issuer=service.url,
        )
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as made:
            yield Ground(running, issuer, made)


def active(**members: object) -> dict[str, object]:
    return {"active": True, "sub": "u-1", "tenant_id": "t-1", "exp": int(time.time()) + 60, **members}


@pytest.mark.parametrize("where", ['url: "{issuer}/introspect"', "service: auth, path: /introspect"])
async def test_active_token_is_asked_about_once(where: str) -> None:
    async with ground(where) as here:
        here.issuer.said["good"] = active(role="agent")
        assert await here.status("good", "/tickets") == 200
        assert await here.status("good", "/tickets") == 200
        reply = await here.ask("good", "/tickets")
        told = dict(reply.json()["headers"])
        assert (told["x-user-id"], told["x-tenant-id"], told["x-user-role"]) == ("u-1", "t-1", "agent")
        assert here.asked == 1
        (request,) = here.issuer.requests
        assert request.method == b"POST"
        assert request.get(b"authorization") == b"Basic " + base64.b64encode(b"gateway:s3cr3t")
        assert parse_qs(request.body.decode()) == {"token": ["good"], "token_type_hint": ["access_token"]}


async def test_inactive_token_is_refused_and_remembered_for_a_moment() -> None:
    async with ground(more="cache_refused: 100ms") as here:
        here.issuer.said["bad"] = active() | {"active": False}
        reply = await here.ask("bad")
        assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
        assert 'error="invalid_token"' in reply.headers["www-authenticate"]
        here.issuer.said["bad"] = active()

        async with asyncio.timeout(30):
            while await here.status("bad") != 200:
                pass
        assert here.asked == 2


async def test_active_token_is_asked_about_again_when_it_has_been_remembered_long_enough() -> None:
    async with ground(more="cache: 100ms") as here:
        here.issuer.said["good"] = active()
        assert await here.status("good") == 200
        here.issuer.said.clear()
        async with asyncio.timeout(30):
            while await here.status("good") != 401:
                pass


async def test_token_is_not_remembered_beyond_its_end() -> None:
    async with ground() as here:
        here.issuer.said["short"] = active(exp=int(time.time()) + 1)
        assert await here.status("short") == 200
        here.issuer.said.clear()
        async with asyncio.timeout(30):
            while await here.status("short") != 401:
                pass


async def test_many_with_one_token_ask_once_and_the_first_may_leave() -> None:
    async with ground() as here:
        here.issuer.said["good"] = active()
        here.issuer.open.clear()
        first = asyncio.create_task(here.status("good"))
        await until(lambda: here.asked == 1, "the question")
        others = [asyncio.create_task(here.status("good")) for _ in range(10)]
        await until(lambda: len(here.running.gateway.road.active) > 10, "all of them under way")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        here.issuer.open.set()
        assert set(await asyncio.gather(*others)) == {200}
        assert here.asked == 1


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (500, b"{}"),
        (401, b"{}"),
        (200, b"<html>"),
        (200, b"{}"),
        (200, b'{"active": "true"}'),
        (200, b"[true]"),
    ],
)
async def test_no_answer_is_503_and_not_401(status: int, document: bytes) -> None:
    async with ground() as here:
        here.issuer.status, here.issuer.document = status, document
        reply = await here.ask("good")
        assert (reply.status_code, reply.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert reply.headers["retry-after"] == "1"
        here.issuer.status, here.issuer.document = 200, None
        here.issuer.said["good"] = active()
        assert await here.status("good") == 200


async def test_who_is_remembered_is_let_in_while_the_issuer_is_away() -> None:
    async with ground() as here:
        here.issuer.said["good"] = active()
        assert await here.status("good") == 200
        here.issuer.status = 500
        assert await here.status("good") == 200
        assert await here.status("other") == 503


@pytest.mark.parametrize(
    "members",
    [
        {"exp": 1},
        {"nbf": 32_503_680_000},
        {"iss": "https://other.example"},
        {"aud": "somebody else"},
        {"sub": None, "client_id": None},
        {"sub": "two\nlines"},
        {"cnf": {"jkt": "a key that nobody has shown"}},
        {"cnf": {"x5t#S256": "a certificate that nobody has shown"}},
    ],
)
async def test_active_token_must_still_be_meant_for_here(members: dict[str, object]) -> None:
    async with ground(more='issuer: "https://issuer.example", audience: here') as here:
        usual = {"iss": "https://issuer.example", "aud": ["here", "there"]}
        here.issuer.said["good"] = active(**usual)
        here.issuer.said["bad"] = active(**usual | members)
        assert await here.status("good") == 200
        assert await here.status("bad") == 401
        assert await here.status("bad") == 401


@pytest.mark.parametrize("token", ["a b", "a,b", "x" * 8193, "a=b"])
async def test_what_cannot_be_a_token_is_not_asked_about(token: str) -> None:
    async with ground() as here:
        assert await here.status(token) == 401
        assert here.asked == 0


async def test_scope_limits_what_the_roles_would_allow() -> None:
    async with ground(more="claims: {scope: scope}") as here:
        here.issuer.said["wide"] = active(role="agent", scope="openid tickets:view")
        here.issuer.said["narrow"] = active(role="agent", scope="openid events:view")
        assert await here.status("wide", "/tickets") == 200
        assert await here.status("narrow", "/tickets") == 403


async def test_opaque_tokens_and_own_ones_share_a_header() -> None:
    async with ground() as here:
        here.issuer.said["opaque"] = active()
        own = jwt.encode(
            {"iss": "me", "sub": "u-2", "exp": time.time() + 60},
            "a secret of the tests that is more than enough",
        )
        for _ in range(2):
            assert await here.status("opaque", "/either") == 200
            assert await here.status(own, "/either") == 200
        assert here.asked == 1
        assert await here.status(own[:-2], "/either") == 401
        assert here.asked == 1, "a false token of our own is nobody else's business"


async def test_gateway_proves_itself_as_it_is_told() -> None:
    async with ground(client="id: gateway, secret: 's3cr3t&', by: post") as here:
        here.issuer.said["good"] = active()
        assert await here.status("good") == 200
        said = parse_qs(here.issuer.requests[0].body.decode())
        assert (said["client_id"], said["client_secret"]) == (["gateway"], ["s3cr3t&"])
        assert here.issuer.requests[0].get(b"authorization") is None


async def test_gateway_signs_an_assertion_for_every_question() -> None:
    pem = repr(private_pem(private_key("ES256")).strip()).replace("'", '"')
    async with ground(client=f"id: gateway, key: {pem}") as here:
        here.issuer.said["good"] = here.issuer.said["other"] = active()
        assert await here.status("good") == 200
        assert await here.status("other") == 200
        ids = set()
        for request in here.issuer.requests:
            said = parse_qs(request.body.decode())
            assert said["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
            claims = jwt.decode(
                said["client_assertion"][0],
                private_key("ES256").public_key(),
                ["ES256"],
                audience=f"{here.issuer.url}/introspect",
                issuer="gateway",
            )
            assert claims["sub"] == "gateway"
            ids.add(claims["jti"])
        assert len(ids) == 2
