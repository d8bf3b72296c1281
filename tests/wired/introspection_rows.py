"""Rows of tokens that only their issuer can read: an issuer of the row's own answers."""

from __future__ import annotations

import base64
from time import time
from typing import Any
from urllib.parse import parse_qs

import jwt

from portico.testing import Message
from tests.integration.token_issuer import Issuer
from tests.unit.identity.signing import private_key, private_pem
from tests.wired.rows import REFUSED, UNSET, Probe, Row, Start
from tests.wired.site import Site
from tests.wired.token_rows import TELLING, issuing, slow, status

CLIENT: dict[str, object] = {
    "routes[0].authenticate": "users",
    "identity.users.introspection.client.id": "gateway",
}
BY_SECRET: dict[str, object] = CLIENT | {"identity.users.introspection.client.secret": "the-secret"}
ASKING: dict[str, object] = BY_SECRET | {"identity.users.introspection.url": "<issuer>/introspect"}
AT_ENDPOINT: dict[str, object] = BY_SECRET | {
    "services.auth.url": "<issuer>",
    "services.nobody.url": "<backend>",
}
FIRST, SECOND = (private_pem(private_key(name)) for name in ("ES256", "ES384"))
BY_KEY: dict[str, object] = CLIENT | {"identity.users.introspection.url": "<issuer>/introspect"}
RSA: dict[str, object] = BY_KEY | {
    "identity.users.introspection.client.key": private_pem(private_key("RS256"))
}


def answering(**members: Any) -> dict[str, Start]:
    def made() -> Issuer:
        issuer = Issuer()
        issuer.says = {"active": True, "sub": "ada", "exp": int(time()) + 3600, **members}
        return issuer

    return issuing(made)


ACTIVE = answering()


async def introspected(site: Site) -> object:
    return await status(site, "opaque")


async def asked(site: Site) -> Message:
    """The question as the issuer got it."""
    assert await introspected(site) == 200
    last: Message = site.upstreams["issuer"].requests()[-1]
    return last


async def basic(site: Site) -> object:
    scheme, _, pair = ((await asked(site)).get(b"authorization") or b"").partition(b" ")
    return scheme and base64.b64decode(pair).decode()


async def parameter(site: Site, name: str) -> str:
    said = parse_qs((await asked(site)).body.decode())
    return said.get(name, [""])[0]


async def secret_in_body(site: Site) -> object:
    return await parameter(site, "client_secret")


async def hinted(site: Site) -> object:
    return await parameter(site, "token_type_hint")


async def signs_with(site: Site) -> object:
    return jwt.get_unverified_header(await parameter(site, "client_assertion"))["alg"]


async def signs_for(site: Site) -> object:
    assertion = await parameter(site, "client_assertion")
    return jwt.decode(assertion, options={"verify_signature": False})["aud"] == "them"


def questions(times: int, verdict: int) -> Probe:
    """How often the issuer is asked about one token within a moment."""

    async def probe(site: Site) -> object:
        for _ in range(times):
            assert await introspected(site) == verdict
        return len(site.upstreams["issuer"].requests())

    return probe


def heard(name: str) -> Probe:
    async def probe(site: Site) -> object:
        return await site.received(name, {"authorization": "Bearer opaque"})

    return probe


def told_of_opaque(name: str) -> Probe:
    async def probe(site: Site) -> object:
        reply = await site.ask("/", {"authorization": "Bearer opaque"})
        return (reply.get(name.encode()) or b"").decode()

    return probe


async def revoked_opaque(site: Site) -> object:
    before = await introspected(site)
    await site.store.revoke(b"opaque", time() + 3600)
    return before, await introspected(site)


INTROSPECTION = "identity.*.introspection"
ROWS = (
    Row(
        f"{INTROSPECTION}.url",
        ("<issuer>/introspect", "<issuer>/none"),
        (200, 503),
        introspected,
        BY_SECRET,
        upstreams=ACTIVE,
    ),
    Row(
        f"{INTROSPECTION}.service",
        ("auth", "nobody"),
        (200, 503),
        introspected,
        AT_ENDPOINT | {"identity.users.introspection.path": "/introspect"},
        upstreams=ACTIVE,
    ),
    Row(
        f"{INTROSPECTION}.path",
        ("/introspect", "/none"),
        (200, 503),
        introspected,
        AT_ENDPOINT | {"identity.users.introspection.service": "auth"},
        upstreams=ACTIVE,
    ),
    Row(
        f"{INTROSPECTION}.plain_http",
        (True, UNSET),
        (503, REFUSED),
        introspected,
        BY_SECRET | {"identity.users.introspection.url": "http://0.0.0.0:9/introspect"},
    ),
    Row(
        f"{INTROSPECTION}.client.id",
        ("me", "us"),
        ("me:the-secret", "us:the-secret"),
        basic,
        ASKING,
        upstreams=ACTIVE,
    ),
    Row(
        f"{INTROSPECTION}.client.secret",
        ("one", "two"),
        ("gateway:one", "gateway:two"),
        basic,
        ASKING,
        upstreams=ACTIVE,
    ),
    Row(
        f"{INTROSPECTION}.client.by",
        (UNSET, "post"),
        ("", "the-secret"),
        secret_in_body,
        ASKING,
        upstreams=ACTIVE,
    ),
    Row(
        f"{INTROSPECTION}.client.key",
        (FIRST, SECOND),
        ("ES256", "ES384"),
        signs_with,
        BY_KEY,
        upstreams=ACTIVE,
    ),
    Row(
        f"{INTROSPECTION}.client.algorithm",
        (UNSET, "PS512"),
        ("RS256", "PS512"),
        signs_with,
        RSA,
        upstreams=ACTIVE,
    ),
    Row(f"{INTROSPECTION}.client.audience", (UNSET, "them"), (False, True), signs_for, RSA, upstreams=ACTIVE),
    Row(f"{INTROSPECTION}.hint", (UNSET, "key"), ("access_token", "key"), hinted, ASKING, upstreams=ACTIVE),
    Row(f"{INTROSPECTION}.cache", (UNSET, "0s"), (1, 3), questions(3, 200), ASKING, upstreams=ACTIVE),
    Row(
        f"{INTROSPECTION}.cache_refused",
        ("10m", "0s"),
        (1, 3),
        questions(3, 401),
        ASKING,
        upstreams=answering(active=False),
    ),
    Row(
        f"{INTROSPECTION}.issuer",
        (UNSET, "us"),
        (200, 401),
        introspected,
        ASKING,
        upstreams=answering(iss="them"),
    ),
    Row(
        f"{INTROSPECTION}.audience",
        (UNSET, "us"),
        (200, 401),
        introspected,
        ASKING,
        upstreams=answering(aud="them"),
    ),
    Row(
        f"{INTROSPECTION}.timeout", (UNSET, "50ms"), (200, 503), introspected, ASKING, upstreams=issuing(slow)
    ),
    Row(
        f"{INTROSPECTION}.leeway",
        ("2h", "0s"),
        (200, 401),
        introspected,
        ASKING,
        upstreams=answering(nbf=int(time()) + 3600, exp=int(time()) + 7200),
    ),
    Row(f"{INTROSPECTION}.require", (UNSET, "acr"), (200, 401), introspected, ASKING, upstreams=ACTIVE),
    Row(f"{INTROSPECTION}.header", (UNSET, "x-token"), (200, 401), introspected, ASKING, upstreams=ACTIVE),
    Row(
        f"{INTROSPECTION}.claims.subject",
        (UNSET, "username"),
        ("ada", "bob"),
        heard("x-user-id"),
        ASKING,
        upstreams=answering(username="bob"),
    ),
    Row(
        f"{INTROSPECTION}.claims.tenant",
        (UNSET, "org"),
        ("first", "second"),
        heard("x-tenant-id"),
        ASKING,
        upstreams=answering(tenant_id="first", org="second"),
    ),
    Row(
        f"{INTROSPECTION}.claims.role",
        (UNSET, "roles"),
        ("agent", "boss,agent"),
        heard("x-user-role"),
        ASKING,
        upstreams=answering(role="agent", roles=["boss", "agent"]),
    ),
    Row(
        f"{INTROSPECTION}.claims.email",
        (UNSET, "mail"),
        ("a@example.com", "b@example.com"),
        told_of_opaque("x-email"),
        ASKING | TELLING,
        upstreams=answering(email="a@example.com", mail="b@example.com"),
    ),
    Row(
        f"{INTROSPECTION}.claims.venue",
        (UNSET, "place"),
        ("v-1", "v-2"),
        told_of_opaque("x-venue"),
        ASKING | TELLING,
        upstreams=answering(venue_id="v-1", place="v-2"),
    ),
    Row(
        f"{INTROSPECTION}.claims.permissions",
        (UNSET, "may"),
        ("none", "tickets:view"),
        told_of_opaque("x-permissions"),
        ASKING | TELLING,
        upstreams=answering(may=["tickets:view"]),
    ),
    Row(
        f"{INTROSPECTION}.claims.scope",
        (UNSET, "scope"),
        ("none", "tickets:view"),
        told_of_opaque("x-permissions"),
        ASKING | TELLING,
        upstreams=answering(scope="openid tickets:view"),
    ),
    Row(
        f"{INTROSPECTION}.raw_revocation",
        (UNSET, True),
        ((200, 200), (200, 401)),
        revoked_opaque,
        ASKING,
        upstreams=ACTIVE,
    ),
)
