"""Rows of keys that are elsewhere, with an issuer of the row's own, and of what else a token may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time
from typing import Any

import jwt

from portico.testing import Upstream, until
from tests.integration.token_issuer import Issuer, public_jwk
from tests.unit.identity.signing import private_key
from tests.wired.identity_rows import SIGNED, accepted, token
from tests.wired.rows import REFUSED, UNSET, Probe, Row, Start
from tests.wired.site import Site

ISSUER = "https://issuer.example"


def issuing(issuer: Callable[[], Issuer]) -> dict[str, Start]:
    """The upstreams of a row: the service, and an issuer of its own."""
    return {"backend": Upstream, "issuer": lambda: Upstream(issuer().script)}


def publishing(*, key_sets: int = -1) -> Issuer:
    made = Issuer(public_jwk("ES256", kid="k1"))
    made.key_sets = key_sets
    return made


def slow() -> Issuer:
    made = publishing()
    made.delay_s = 0.3
    made.says = {"active": True, "sub": "ada"}
    return made


def signed(issuer: str = ISSUER, kid: str = "k1", **claims: Any) -> str:
    said = {"iss": issuer, "sub": "ada", "exp": int(time()) + 3600, **claims}
    return jwt.encode(said, private_key("ES256"), "ES256", headers={"kid": kid})


async def status(site: Site, bearer: str) -> int:
    return (await site.ask("/", {"authorization": f"Bearer {bearer}"})).status


async def published(site: Site) -> object:
    return await status(site, signed())


async def discovered(site: Site) -> object:
    return await status(site, signed(site.upstreams["issuer"].url))


def fetches(site: Site, target: bytes = b"/jwks") -> int:
    return sum(request.target == target for request in site.upstreams["issuer"].requests())


async def refreshed(site: Site) -> object:
    """Whether the keys are fetched as often as those of the other identity."""
    assert await published(site) == 200
    await until(lambda: fetches(site, b"/jwks?other") >= 6, "refreshes of the other keys")
    return fetches(site) > 2


async def outlived(site: Site) -> object:
    """Who is let in when the issuer has failed several times."""
    await published(site)
    await until(lambda: fetches(site) >= 3, "two failures")
    return await published(site)


async def asked_for_unknown(site: Site) -> object:
    """Whether a second unknown key is worth another fetch, at once or after a few more."""
    assert await published(site) == 200
    for number in range(20):
        assert await status(site, signed(kid=f"unknown-{number}")) == 401
        if fetches(site) > 2:
            return True
    return False


JWKS: dict[str, object] = {
    "routes[0].authenticate": "users",
    "identity.users.jwt.issuer": ISSUER,
    "identity.users.jwt.algorithms": ["ES256"],
}
AT_ISSUER: dict[str, object] = JWKS | {"identity.users.jwt.jwks.url": "<issuer>/jwks"}
AT_SERVICE: dict[str, object] = JWKS | {"services.auth.url": "<issuer>"}
DISCOVERED: dict[str, object] = {
    "routes[0].authenticate": "users",
    "identity.users.jwt.algorithms": ["ES256"],
    "services.auth.url": "<issuer>",
    "services.nobody.url": "<backend>",
}
BESIDE: dict[str, object] = {
    "identity.other.jwt.issuer": ISSUER,
    "identity.other.jwt.algorithms": ["ES256"],
    "identity.other.jwt.jwks.url": "<issuer>/jwks?other",
    "identity.other.jwt.key_set.life": "50ms",
}
PUBLISHED = issuing(publishing)


async def revoked_raw(site: Site) -> object:
    """Revoked as an operator does it, by the token's own text."""
    bearer = token()
    before = await status(site, bearer)
    await site.store.revoke(bearer.encode(), time() + 3600)
    return before, await status(site, bearer)


def told_by_stage(name: str, claims: Mapping[str, Any]) -> Probe:
    async def probe(site: Site) -> object:
        reply = await site.ask("/", {"authorization": f"Bearer {token(claims)}"})
        return (reply.get(name.encode()) or b"").decode()

    return probe


TELLING: dict[str, object] = {"stages": ["tests.wired.plugs:Telling"], "routes[0].telling": True}
NOW = int(time())

ROWS = (
    Row(
        "identity.*.jwt.jwks",
        ("<issuer>/jwks", "<issuer>/none"),
        (200, 503),
        published,
        JWKS,
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.discover",
        ("<issuer>", "<issuer>/none"),
        (200, 503),
        discovered,
        DISCOVERED,
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.jwks.url",
        ("<issuer>/jwks", "<issuer>/none"),
        (200, 503),
        published,
        JWKS,
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.jwks.service",
        ("auth", "nobody"),
        (200, 503),
        published,
        AT_SERVICE | {"identity.users.jwt.jwks.path": "/jwks", "services.nobody.url": "<backend>"},
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.jwks.path",
        ("/jwks", "/none"),
        (200, 503),
        published,
        AT_SERVICE | {"identity.users.jwt.jwks.service": "auth"},
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.discover.issuer",
        ("<issuer>", "<issuer>/none"),
        (200, 503),
        discovered,
        DISCOVERED,
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.discover.service",
        ("auth", "nobody"),
        (200, 503),
        discovered,
        DISCOVERED | {"identity.users.jwt.discover.issuer": "<issuer>"},
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.key_set.life",
        (UNSET, "50ms"),
        (False, True),
        refreshed,
        AT_ISSUER | BESIDE,
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.key_set.stale",
        (UNSET, "0s"),
        (200, 503),
        outlived,
        AT_ISSUER | {"identity.users.jwt.key_set.life": "50ms"},
        upstreams=issuing(lambda: publishing(key_sets=1)),
    ),
    Row(
        "identity.*.jwt.key_set.refetch",
        (UNSET, "1ms"),
        (False, True),
        asked_for_unknown,
        AT_ISSUER,
        upstreams=PUBLISHED,
    ),
    Row(
        "identity.*.jwt.key_set.timeout",
        (UNSET, "50ms"),
        (200, 503),
        published,
        AT_ISSUER,
        upstreams=issuing(slow),
    ),
    Row(
        "identity.*.jwt.key_set.plain_http",
        (True, UNSET),
        (503, REFUSED),
        published,
        JWKS | {"identity.users.jwt.jwks.url": "http://0.0.0.0:9/jwks"},
    ),
    Row("identity.*.jwt.typ", ("JWT", "other+jwt"), (200, 401), accepted(token()), SIGNED),
    Row("identity.*.jwt.max_lifetime", (UNSET, "1m"), (200, 401), accepted(token({"iat": NOW})), SIGNED),
    Row("identity.*.jwt.raw_revocation", (UNSET, True), ((200, 200), (200, 401)), revoked_raw, SIGNED),
    Row(
        "identity.*.jwt.claims.venue",
        (UNSET, "place"),
        ("v-1", "v-2"),
        told_by_stage("x-venue", {"venue_id": "v-1", "place": "v-2"}),
        SIGNED | TELLING,
    ),
    Row(
        "identity.*.jwt.claims.permissions",
        (UNSET, "may"),
        ("none", "tickets:view"),
        told_by_stage("x-permissions", {"may": ["tickets:view"]}),
        SIGNED | TELLING,
    ),
    Row(
        "identity.*.jwt.claims.scope",
        (UNSET, "scope"),
        ("none", "tickets:view"),
        told_by_stage("x-permissions", {"scope": "openid tickets:view"}),
        SIGNED | TELLING,
    ),
)
