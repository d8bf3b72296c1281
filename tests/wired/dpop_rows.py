"""Rows of `identity.*.jwt.dpop`: tokens that are bound to a key, and proofs by it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from itertools import count
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from portico.identity.jwk import thumbprint
from tests.wired.rows import UNSET, Probe, Row
from tests.wired.site import Site

SECRET = "the-secret-of-the-rows-about-bound-tokens-which-is-long-enough"
KEY = ec.generate_private_key(ec.SECP256R1())
JWK: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(KEY.public_key()))
GIVEN: Mapping[str, object] = {"routes[0].authenticate": "users", "identity.users.jwt.secret": SECRET}
ALLOWED: Mapping[str, object] = {**GIVEN, "identity.users.jwt.dpop.mode": "allowed"}

_numbers = count()


def token(bound: bool) -> str:
    confirmation = {"cnf": {"jkt": thumbprint(JWK)}} if bound else {}
    return jwt.encode({"sub": "ada", "exp": int(time()) + 3600, **confirmation}, SECRET, "HS256")


def by_dpop(age_s: int = 0) -> Probe:
    async def probe(site: Site) -> object:
        bound = token(True)
        claims = {
            "jti": f"proof-{next(_numbers)}",
            "htm": "GET",
            "htu": "http://gateway.test/",
            "iat": int(time()) - age_s,
            "ath": base64.urlsafe_b64encode(sha256(bound.encode()).digest()).rstrip(b"=").decode(),
        }
        proof = jwt.encode(claims, KEY, "ES256", {"typ": "dpop+jwt", "jwk": JWK})
        return (await site.ask("/", {"authorization": f"DPoP {bound}", "dpop": proof})).status

    return probe


async def as_bearer(site: Site) -> object:
    return (await site.ask("/", {"authorization": f"Bearer {token(False)}"})).status


ROWS = (
    Row("identity.*.jwt.dpop", ("off", "required"), (401, 200), by_dpop(), GIVEN),
    Row("identity.*.jwt.dpop.mode", ("allowed", "required"), (200, 401), as_bearer, GIVEN),
    Row("identity.*.jwt.dpop.algorithms", (UNSET, ["EdDSA"]), (200, 401), by_dpop(), ALLOWED),
    Row("identity.*.jwt.dpop.window", ("10m", "10s"), (200, 401), by_dpop(age_s=200), ALLOWED),
    Row("identity.*.jwt.dpop.nonce", (False, True), (200, 401), by_dpop(), ALLOWED),
)
