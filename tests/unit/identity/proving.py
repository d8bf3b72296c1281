"""DPoP proofs for the tests (RFC 9449 section 4.2), with every claim and header that a test wants otherwise."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

from jwt.algorithms import get_default_algorithms

from portico.identity.jwk import thumbprint
from tests.unit.identity.signed import NOW
from tests.unit.identity.signing import private_key, sign

TOKEN = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
UNSET = object()


def public_jwk(algorithm: str = "ES256", key: Any = None) -> dict[str, Any]:
    """The public half of the tests' key for an algorithm."""
    public = (key or private_key(algorithm)).public_key()
    jwk: dict[str, Any] = get_default_algorithms()[algorithm].to_jwk(public, as_dict=True)
    return {name: value for name, value in jwk.items() if name not in ("key_ops", "kid", "alg")}


def jkt(algorithm: str = "ES256") -> str:
    """The thumbprint of that key."""
    return thumbprint(public_jwk(algorithm))


def hash_of(token: bytes) -> str:
    """The claim `ath`."""
    return base64.urlsafe_b64encode(sha256(token).digest()).rstrip(b"=").decode()


def dpop_proof(
    algorithm: str = "ES256", token: bytes = TOKEN, key: Any = None, header: Any = None, **claims: Any
) -> bytes:
    """A proof for `GET https://api.example/orders`; UNSET leaves a claim or a header out."""
    said = {
        "jti": "proof-1",
        "htm": "GET",
        "htu": "https://api.example/orders",
        "iat": int(NOW),
        "ath": hash_of(token),
        **claims,
    }
    head = {"typ": "dpop+jwt", **(header or {})}
    if "jwk" not in head:
        head["jwk"] = public_jwk(algorithm, key)
    return sign(
        {name: value for name, value in said.items() if value is not UNSET},
        algorithm,
        key,
        **{name: value for name, value in head.items() if value is not UNSET},
    )
