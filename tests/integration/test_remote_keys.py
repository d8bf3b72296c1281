"""Keys of an issuer elsewhere, seen from outside: fetched, exchanged, away, and back."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from portico.testing import RunningGateway, Upstream, gateway, until
from tests.certificates import Authority
from tests.integration.token_issuer import Issuer, public_jwk

CONFIGURATION = """
version: 1
logs: {{access: off}}
identity:
  users: {{jwt: {{{keys}, algorithms: [RS256, ES256], key_set: {{{key_set}}}}}}}
  {more}
services: {{echo: {{url: "{echo}"}}, auth: {{url: "{issuer}", breaker: off}}, {also}}}
defaults: {{authenticate: users}}
routes: [{{match: /**, service: echo}}]
"""
JWKS = 'jwks: "{issuer}/jwks", issuer: "{issuer}"'


class Ground:
    """A gateway that trusts `issuer`, and a client."""

    def __init__(self, running: RunningGateway, issuer: Issuer, client: httpx.AsyncClient, text: str) -> None:
        self.running = running
        self.issuer = issuer
        self.client = client
        self.text = text

    async def ask(self, token: str) -> httpx.Response:
        return await self.client.get("/", headers={"authorization": f"Bearer {token}"})

    async def status(self, token: str) -> int:
        return (await self.ask(token)).status_code

    async def becomes(self, token: str, status: int) -> httpx.Response:
        """The first reply with this status."""
        async with asyncio.timeout(30):
            while True:
                reply = await self.ask(token)
                if reply.status_code == status:
                    return reply

    async def metric(self, outcome: str) -> float:
        text = (await self.client.get("/metrics")).text
        start = f'portico_identity_key_fetches_total{{identity="users",outcome="{outcome}"}} '
        return sum(float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start))


@asynccontextmanager
async def ground(
    issuer: Issuer, keys: str = JWKS, key_set: str = "", more: str = "", also: str = ""
) -> AsyncIterator[Ground]:
    async with Upstream() as echo, Upstream(issuer.script) as service:
        issuer.url = service.url
        text = CONFIGURATION.format(
            keys=keys.format(issuer=service.url),
            key_set=key_set,
            more=more,
            also=also,
            echo=echo.url,
            issuer=service.url,
        )
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            yield Ground(running, issuer, client, text)


@pytest.mark.parametrize(
    "keys",
    [
        JWKS,
        'jwks: {{service: auth, path: /jwks}}, issuer: "{issuer}"',
        'discover: "{issuer}"',
        'discover: {{issuer: "{issuer}", service: auth}}',
    ],
)
async def test_tokens_are_verified_by_published_keys(keys: str) -> None:
    issuer = Issuer(public_jwk("RS256", kid="k1"), public_jwk("ES256", kid="k2", alg="ES256"))
    async with ground(issuer, keys) as here:
        assert await here.status(issuer.token()) == 200
        assert await here.status(issuer.token("ES256", "k2")) == 200
        assert await here.status(issuer.token("ES256", "k2", iss="https://other.example")) == 401
        assert issuer.asked["/jwks"] == 1
        assert all(request.get(b"x-gateway-internal") == b"true" for request in issuer.requests)
        assert await here.metric("fetched") == 1


async def test_start_waits_for_nobody_and_until_keys_come_it_is_503() -> None:
    issuer = Issuer()
    issuer.status = 500
    async with ground(issuer, key_set="timeout: 30s") as here:
        await until(lambda: issuer.asked["/jwks"] >= 1, "the first fetch")
        reply = await here.becomes(issuer.token(), 503)
        assert reply.json()["code"] == "SERVICE_UNAVAILABLE"
        assert 1 <= int(reply.headers["retry-after"]) <= 30
        assert (await here.client.get("/")).status_code == 401
        assert (await here.client.get("/health")).status_code == 200
        issuer.status = 200
        await here.becomes(issuer.token(), 200)
        assert await here.metric("failed") >= 1


async def test_new_key_is_fetched_once_for_all_that_wait_and_an_unknown_one_is_refused() -> None:
    issuer = Issuer()
    async with ground(issuer) as here:
        assert await here.status(issuer.token()) == 200
        issuer.keys.append(public_jwk("ES256", kid="k2"))
        issuer.open.clear()
        asking = [
            asyncio.create_task(here.status(issuer.token("ES256", "k2", sub=f"u-{n}"))) for n in range(10)
        ]
        await until(lambda: issuer.asked["/jwks"] == 2, "the second fetch")
        assert await here.status(issuer.token()) == 200, "others do not wait"
        issuer.open.set()
        assert set(await asyncio.gather(*asking)) == {200}
        for number in range(20):
            assert await here.status(issuer.token(kid=f"made-up-{number}")) == 401
        assert issuer.asked["/jwks"] == 2, "at most one fetch in thirty seconds"


async def test_known_key_is_never_used_for_an_unknown_kid() -> None:
    issuer = Issuer()
    async with ground(issuer) as here:
        for kid in ("other", "", "../k1", "k1' OR '1'='1", "K1"):
            assert await here.status(issuer.token(kid=kid)) == 401
        assert await here.status(issuer.token(kid=None)) == 200, "the only key for the algorithm"
        assert await here.status(issuer.token()) == 200


async def test_token_of_another_issuer_causes_no_fetch() -> None:
    issuer = Issuer()
    async with ground(issuer) as here:
        assert await here.status(issuer.token()) == 200
        assert await here.status(issuer.token(kid="other", iss="https://evil.example")) == 401
        assert issuer.asked["/jwks"] == 1


async def test_withdrawn_key_ends_what_was_verified_by_it() -> None:
    issuer = Issuer(public_jwk("RS256", kid="k1"), public_jwk("ES256", kid="k2"))
    async with ground(issuer, key_set="life: 200ms, refetch: 50ms") as here:
        old, other = issuer.token(), issuer.token("ES256", "k2")
        assert await here.status(old) == 200
        assert await here.status(old) == 200
        issuer.keys = [public_jwk("ES256", kid="k2")]
        asked = issuer.asked["/jwks"]
        await until(lambda: issuer.asked["/jwks"] >= asked + 2, "a refresh")
        assert await here.status(old) == 401
        assert await here.status(other) == 200


async def test_issuer_may_say_how_long_its_keys_are_good() -> None:
    saying, silent = Issuer(), Issuer()
    saying.fields = b"cache-control: public, max-age=3600\r\n"
    async with Upstream(silent.script) as other:
        keys = f'jwks: "{other.url}/jwks", issuer: me, algorithms: [RS256], key_set: {{life: 50ms}}'
        async with ground(saying, key_set="life: 50ms", more=f"silent: {{jwt: {{{keys}}}}}") as here:
            assert await here.status(saying.token()) == 200
            await until(lambda: silent.asked["/jwks"] >= 5, "refreshes of the other")
            assert saying.asked["/jwks"] == 1


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"<html>down for maintenance</html>",
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct", "k": "AAAA"}]}',
        b"x" * 300_000,
    ],
)
async def test_last_good_keys_stay_while_the_issuer_answers_nonsense(broken: bytes) -> None:
    issuer = Issuer()
    async with ground(issuer, key_set="life: 50ms") as here:
        assert await here.status(issuer.token()) == 200
        issuer.document = broken
        asked = issuer.asked["/jwks"]
        await until(lambda: issuer.asked["/jwks"] >= asked + 2, "a refresh")
        assert await here.status(issuer.token(sub="u-2")) == 200


async def test_stale_keys_let_nobody_in() -> None:
    issuer = Issuer()
    async with ground(issuer, key_set="life: 50ms, stale: 300ms") as here:
        token = issuer.token()
        assert await here.status(token) == 200
        issuer.status = 503
        await here.becomes(token, 503)
        issuer.status = 200
        await here.becomes(token, 200)


async def test_keys_survive_a_reload_without_another_fetch() -> None:
    issuer = Issuer()
    async with ground(issuer) as here:
        assert await here.status(issuer.token()) == 200
        issuer.status = 500
        await here.running.reload(here.text.replace("routes: [", "routes: [{match: /more, service: echo}, "))
        assert await here.status(issuer.token()) == 200
        assert issuer.asked["/jwks"] == 1


async def test_discovered_issuer_must_be_the_configured_one() -> None:
    issuer = Issuer()
    issuer.name = "https://somebody.else"
    async with ground(issuer, 'discover: "{issuer}"') as here:
        await until(lambda: issuer.asked["/.well-known/openid-configuration"] >= 1, "discovery")
        await here.becomes(issuer.token(), 503)
        assert issuer.asked["/jwks"] == 0


async def test_keys_may_be_on_another_host() -> None:
    issuer, keys = Issuer(), Issuer()
    async with Upstream(keys.script) as elsewhere:
        issuer.jwks_uri = f"{elsewhere.url}/jwks"
        async with ground(issuer, 'discover: "{issuer}"') as here:
            assert await here.status(issuer.token()) == 200
            assert keys.asked["/jwks"] == 1
            assert issuer.asked["/jwks"] == 0


@asynccontextmanager
async def over_tls(folder: Path, authority: Authority) -> AsyncIterator[str]:
    """The URL of a server that publishes keys over TLS."""
    body = json.dumps({"keys": [public_jwk("RS256", kid="k1")]}).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.issue(["localhost"]).write(folder, "issuer")
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


async def test_keys_come_only_from_whom_the_certificate_names(tmp_path: Path) -> None:
    authority = Authority()
    issuer = Issuer()
    async with over_tls(tmp_path, authority) as url:
        async with ground(issuer, f'jwks: "{url}/jwks", issuer: "{{issuer}}"') as here:
            await here.becomes(issuer.token(), 503)
            assert await here.metric("fetched") == 0
        ca = json.dumps(authority.pem)
        sure = f'sure: {{url: "{url}", tls: {{ca: {ca}}}}}'
        async with ground(
            issuer, 'jwks: {{service: sure, path: /jwks}}, issuer: "{issuer}"', also=sure
        ) as here:
            assert await here.status(issuer.token()) == 200
