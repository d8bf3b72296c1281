"""Rows of `identity` and `roles`: tokens made here, and what the gateway thinks of them."""

from __future__ import annotations

from collections.abc import Mapping
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.wired.rows import UNSET, Probe, Row
from tests.wired.site import Site

SECRET = "the-first-secret-of-the-wired-table-which-is-long-enough-for-any-hash-function"
OTHER = "the-other-secret-of-the-wired-table-which-is-long-enough-for-any-hash-function"
KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

USERS = {"routes[0].authenticate": "users"}
SIGNED = USERS | {"identity.users.jwt.secret": SECRET}


def token(
    claims: Mapping[str, Any] | None = None,
    key: str | bytes = SECRET,
    algorithm: str = "HS256",
    age_s: int = 0,
) -> str:
    """A token that ended `age_s` ago, or ends in an hour."""
    exp = int(time()) + (3600 if age_s == 0 else -age_s)
    said = {"sub": "ada", "exp": exp, **(claims or {})}
    return jwt.encode({name: value for name, value in said.items() if value is not None}, key, algorithm)


def accepted(bearer: str) -> Probe:
    async def probe(site: Site) -> object:
        return (await site.ask("/", {"authorization": f"Bearer {bearer}"})).status

    return probe


def told(name: str, claims: Mapping[str, Any]) -> Probe:
    async def probe(site: Site) -> object:
        return await site.received(name, {"authorization": f"Bearer {token(claims)}"})

    return probe


async def told_email(site: Site) -> object:
    bearer = token({"email": "first@example.com", "mail": "second@example.com"})
    return (await site.ask("/", {"authorization": f"Bearer {bearer}"})).get(b"x-email")


def public(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


VIEWERS = SIGNED | {
    "roles.boss.permissions": ["tickets:*"],
    "roles.agent.permissions": ["tickets:edit"],
    "routes[0].authorize": "tickets:view",
}

ROWS = (
    Row("identity.*.jwt.secret", (SECRET, OTHER), (200, 401), accepted(token()), USERS),
    Row("identity.*.jwt.secrets", ([OTHER, SECRET], [OTHER]), (200, 401), accepted(token()), USERS),
    Row(
        "identity.*.jwt.public_key",
        (public(KEY), public(OTHER_KEY)),
        (200, 401),
        accepted(token(key=PRIVATE, algorithm="ES256")),
        USERS | {"identity.users.jwt.algorithms": ["ES256"]},
    ),
    Row("identity.*.jwt.algorithms", (["HS256"], ["HS384"]), (200, 401), accepted(token()), SIGNED),
    Row("identity.*.jwt.issuer", (UNSET, "us"), (200, 401), accepted(token({"iss": "them"})), SIGNED),
    Row("identity.*.jwt.audience", (UNSET, "us"), (401, 200), accepted(token({"aud": "us"})), SIGNED),
    Row("identity.*.jwt.leeway", ("10m", "0s"), (200, 401), accepted(token(age_s=60)), SIGNED),
    Row("identity.*.jwt.require", (UNSET, ["tenant_id"]), (200, 401), accepted(token()), SIGNED),
    Row("identity.*.jwt.header", (UNSET, "x-token"), (200, 401), accepted(token()), SIGNED),
    Row(
        "identity.*.jwt.claims.subject",
        (UNSET, "user_id"),
        ("ada", "17"),
        told("x-user-id", {"user_id": 17}),
        SIGNED,
    ),
    Row(
        "identity.*.jwt.claims.tenant",
        (UNSET, "org"),
        ("first", "second"),
        told("x-tenant-id", {"tenant_id": "first", "org": "second"}),
        SIGNED,
    ),
    Row(
        "identity.*.jwt.claims.role",
        (UNSET, "roles"),
        ("agent", "boss,agent"),
        told("x-user-role", {"role": "agent", "roles": ["boss", "agent"]}),
        SIGNED,
    ),
    Row(
        "identity.*.jwt.claims.email",
        (UNSET, "mail"),
        (b"first@example.com", b"second@example.com"),
        told_email,
        SIGNED | {"stages": ["tests.wired.plugs:Telling"], "routes[0].telling": True},
    ),
    Row("identity.*.jwt.type", (UNSET, "access"), (200, 401), accepted(token({"type": "other"})), SIGNED),
    Row(
        "roles.*.permissions",
        (["tickets:view"], ["tickets:edit"]),
        (200, 403),
        accepted(token({"role": "agent"})),
        VIEWERS,
    ),
    Row("roles.*.inherits", (UNSET, ["boss"]), (403, 200), accepted(token({"role": "agent"})), VIEWERS),
)
