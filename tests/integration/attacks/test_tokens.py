"""Attacks with tokens, sent from outside; each is refused, and its honest twin is let in."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from portico.testing import Upstream, gateway
from tests.integration.token_issuer import Issuer, public_jwk
from tests.unit.identity.signing import private_key, public_pem, sign, sign_bytes

ACCESS = "the secret of access tokens, which is longer than thirty-two bytes"
REFRESH = "the secret of refresh tokens, which is longer than thirty-two bytes"
CONFIGURATION = """
version: 1
logs: {{access: off}}
identity:
  users: {{jwt: {{secret: "{access}", issuer: tickettoken-api, audience: gateway, type: access, require: [tenant_id]}}}}
  pem: {{jwt: {{public_key: {pem}, algorithms: [RS256], issuer: us, audience: gateway, header: X-Pem}}}}
  remote: {{jwt: {{jwks: "{issuer}/jwks", algorithms: [RS256, ES256], issuer: us, header: X-Remote}}}}
  one: {{jwt: {{jwks: "{issuer}/jwks?one", algorithms: [RS256], issuer: one, header: X-Several}}}}
  two: {{jwt: {{jwks: "{other}/jwks", algorithms: [ES256], issuer: two, header: X-Several}}}}
  strict: {{jwt: {{jwks: "{issuer}/jwks?strict", algorithms: [RS256], issuer: us, audience: gateway, typ: at+jwt,
    max_lifetime: 1h, header: X-Strict}}}}
services: {{echo: {{url: "{echo}"}}}}
defaults: {{authenticate: users}}
routes:
  - {{match: /pem, service: echo, authenticate: pem}}
  - {{match: /remote, service: echo, authenticate: remote}}
  - {{match: /several, service: echo, authenticate: [one, two]}}
  - {{match: /strict, service: echo, authenticate: strict}}
  - {{match: /**, service: echo}}
"""


class Ground:
    """A gateway, its client, and what has reached the service."""

    def __init__(self, client: httpx.AsyncClient, echo: Upstream) -> None:
        self.client = client
        self.echo = echo

    async def ask(self, token: bytes, path: str = "/", field: str = "authorization") -> httpx.Response:
        return await self.client.get(path, headers={field: f"Bearer {token.decode()}"})

    async def refused(self, token: bytes, path: str = "/", field: str = "authorization") -> None:
        reached = len(self.echo.requests())
        for _ in range(2):  # the second time as well: nothing of it is remembered
            reply = await self.ask(token, path, field)
            assert reply.status_code == 401, reply.text
            assert reply.json()["code"] in ("INVALID_TOKEN", "TOKEN_EXPIRED")
        assert len(self.echo.requests()) == reached

    async def let_in(self, token: bytes, path: str = "/", field: str = "authorization") -> None:
        assert (await self.ask(token, path, field)).status_code == 200


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    async with _ground() as made:
        yield made


@asynccontextmanager
async def _ground() -> AsyncIterator[Ground]:
    issuer, other = Issuer(public_jwk("RS256", kid="k1")), Issuer(public_jwk("ES256", kid="k1"))
    pem = repr(public_pem(private_key("RS256")).strip()).replace("'", '"')
    async with Upstream() as echo, Upstream(issuer.script) as first, Upstream(other.script) as second:
        text = CONFIGURATION.format(access=ACCESS, pem=pem, issuer=first.url, other=second.url, echo=echo.url)
        async with gateway(text) as running, httpx.AsyncClient(base_url=running.url) as client:
            yield Ground(client, echo)


def said(**claims: Any) -> dict[str, Any]:
    """The claims of an honest access token; None leaves one out."""
    all_claims = {
        "iss": "tickettoken-api",
        "aud": "gateway",
        "sub": "u-1",
        "tenant_id": "t-1",
        "type": "access",
        "exp": time.time() + 60,
        **claims,
    }
    return {name: value for name, value in all_claims.items() if value is not None}


def honest(**claims: Any) -> bytes:
    return sign(said(**claims), key=ACCESS.encode())


def ours(algorithm: str = "RS256", header: dict[str, Any] | None = None, **claims: Any) -> bytes:
    """A token of the issuer `us`."""
    return sign(said(iss="us", type=None, **claims), algorithm, **{"kid": "k1", **(header or {})})


def unsigned(algorithm: Any) -> bytes:
    head, payload, _ = sign_bytes(
        json.dumps({"alg": algorithm, "typ": "JWT"}).encode(),
        json.dumps(said()).encode(),
        "HS256",
        ACCESS.encode(),
    ).split(b".")
    return b".".join((head, payload, b""))


@pytest.mark.parametrize(
    "spelling", ["none", "None", "NONE", "nOnE", "none ", "", "null", None, 0, ["none"], {}]
)
async def test_token_without_signature(ground: Ground, spelling: Any) -> None:
    token = unsigned(spelling)
    await ground.refused(token)
    await ground.refused(token[:-1])
    await ground.refused(token + honest().split(b".")[2])
    await ground.let_in(honest())


async def test_public_key_as_secret(ground: Ground) -> None:
    """RFC 8725 section 2.1: everybody knows the key, so everybody could sign."""
    pem = public_pem(private_key("RS256"))
    jwk = public_jwk("RS256", kid="k1")
    for secret in (pem, pem.strip(), pem + "\n", json.dumps(jwk), jwk["n"]):
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            head = {"alg": algorithm, "typ": "JWT", "kid": "k1"}
            signed = b".".join(
                base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
                for part in (head, said(iss="us", type=None))
            )
            mac = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed, digest)).rstrip(b"=")
            await ground.refused(signed + b"." + mac, "/pem", "x-pem")
            await ground.refused(signed + b"." + mac, "/remote", "x-remote")
    await ground.let_in(ours(), "/pem", "x-pem")
    await ground.let_in(ours(aud=None), "/remote", "x-remote")


@pytest.mark.parametrize(
    "kid",
    [
        "unknown",
        "",
        "../../../../dev/null",
        "/dev/null",
        "k1' OR '1'='1",
        "k1; DROP TABLE keys",
        "k1\u0000",
        "K1",
        " k1",
        "http://127.0.0.1:1/key",
        "a" * 5000,
    ],
    ids=range(11),
)
async def test_key_id_that_injects(ground: Ground, kid: str) -> None:
    await ground.refused(ours(header={"kid": kid}, aud=None), "/remote", "x-remote")
    empty = sign(said(iss="us", type=None, aud=None), "HS256", key=b"", kid=kid)
    await ground.refused(empty, "/remote", "x-remote")
    await ground.let_in(ours(aud=None), "/remote", "x-remote")


@pytest.mark.parametrize("kid", [7, None, ["k1"], {"k1": 1}, True])
async def test_key_id_that_is_no_text(ground: Ground, kid: Any) -> None:
    await ground.refused(ours(header={"kid": kid}, aud=None), "/remote", "x-remote")


async def test_key_that_the_token_brings_along(ground: Ground) -> None:
    own = public_jwk("ES256", kid="mine")
    for header in (
        {"jwk": own},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"x5u": "http://127.0.0.1:1/cert"},
        {"x5c": ["AAAA"]},
    ):
        for kid in ("mine", "k1"):
            token = ours("ES256", {**header, "kid": kid}, aud=None)
            await ground.refused(token, "/remote", "x-remote")
    await ground.let_in(
        ours(header={"jku": "http://127.0.0.1:1/", "jwk": own}, aud=None), "/remote", "x-remote"
    )


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"exp": None}, {"exp": "9999999999"}, {"exp": 1e300}, {"exp": True}]
)
async def test_token_that_has_ended_or_never_ends(ground: Ground, claims: dict[str, Any]) -> None:
    await ground.refused(honest(**claims))
    await ground.let_in(honest(exp=time.time() + 60))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_token_of_the_future(ground: Ground, claim: str) -> None:
    await ground.refused(honest(**{claim: time.time() + 3600, "exp": time.time() + 7200}))
    await ground.let_in(honest(**{claim: time.time() - 1}))


@pytest.mark.parametrize(
    "issuer", [None, "", "somebody", "TICKETTOKEN-API", "tickettoken-api/", ["tickettoken-api"]]
)
async def test_token_of_another_issuer(ground: Ground, issuer: Any) -> None:
    await ground.refused(honest(iss=issuer))
    await ground.let_in(honest())


@pytest.mark.parametrize("audience", [None, "", [], "other", ["other"], "gateway2", ["gateway", 7]])
async def test_token_for_somebody_else(ground: Ground, audience: Any) -> None:
    await ground.refused(honest(aud=audience))
    await ground.let_in(honest(aud=["other", "gateway"]))


async def test_refresh_token_as_access_token(ground: Ground) -> None:
    await ground.refused(honest(type="refresh"))
    await ground.refused(honest(type=None))
    await ground.refused(sign(said(type="refresh"), key=REFRESH.encode()))
    await ground.refused(
        sign(said(), key=REFRESH.encode())
    )  # an access token that the other secret has signed
    await ground.let_in(honest())


async def test_token_that_is_too_large(ground: Ground) -> None:
    await ground.refused(honest(pad="x" * 8192))
    await ground.let_in(honest(pad="x" * 4000))


async def test_token_with_too_many_claims(ground: Ground) -> None:
    await ground.refused(honest(**{f"c{number}": 1 for number in range(100)}))


async def test_token_whose_contents_were_changed(ground: Ground) -> None:
    token = honest()
    head, _, signature = token.split(b".")
    other = base64.urlsafe_b64encode(json.dumps(said(tenant_id="t-2")).encode()).rstrip(b"=")
    await ground.let_in(token)
    await ground.refused(b".".join((head, other, signature)))
    for changed in (token + b"=", token + b".", b"." + token, token[:-1], token + b"A", token.upper()):
        await ground.refused(changed)


async def test_two_tokens_in_one_request(ground: Ground) -> None:
    fields = [(b"authorization", b"Bearer " + honest()), (b"authorization", b"Bearer " + honest(sub="u-2"))]
    assert (await ground.client.get("/", headers=fields)).status_code == 401


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": False}]
)
async def test_extensions_that_nobody_understands(ground: Ground, header: dict[str, Any]) -> None:
    await ground.refused(sign(said(), key=ACCESS.encode(), **header))


async def test_issuer_signs_for_another_issuer_behind_one_header(ground: Ground) -> None:
    """Another tenant's issuer is trusted too, but only for its own tokens."""
    one = sign(said(iss="one", aud=None, type=None), "RS256", kid="k1")
    two = sign(said(iss="two", aud=None, type=None), "ES256", kid="k1")
    await ground.let_in(one, "/several", "x-several")
    await ground.let_in(two, "/several", "x-several")
    await ground.refused(
        sign(said(iss="two", aud=None, type=None), "RS256", kid="k1"), "/several", "x-several"
    )
    await ground.refused(
        sign(said(iss="one", aud=None, type=None), "ES256", kid="k1"), "/several", "x-several"
    )
    for nobody in ("three", None, ["one"], "one two"):
        await ground.refused(
            sign(said(iss=nobody, aud=None, type=None), "RS256", kid="k1"), "/several", "x-several"
        )


async def test_token_of_another_kind(ground: Ground) -> None:
    """RFC 9068 section 4, RFC 8725 section 3.11: an ID token, a logout token and a proof are no access tokens."""
    at: dict[str, Any] = {"iat": time.time(), "exp": time.time() + 60}
    await ground.let_in(ours(header={"typ": "at+jwt"}, **at), "/strict", "x-strict")
    await ground.let_in(ours(header={"typ": "application/AT+JWT"}, **at), "/strict", "x-strict")
    for typ in ("JWT", "id+jwt", "logout+jwt", "dpop+jwt", "", None, 7):
        await ground.refused(ours(header={"typ": typ}, **at), "/strict", "x-strict")
    await ground.refused(sign(said(), key=ACCESS.encode(), typ="dpop+jwt"))  # even where nothing is demanded
    await ground.refused(
        ours(header={"typ": "at+jwt"}, iat=time.time(), exp=time.time() + 7200), "/strict", "x-strict"
    )
    await ground.refused(ours(header={"typ": "at+jwt"}), "/strict", "x-strict")  # nobody can say for how long
