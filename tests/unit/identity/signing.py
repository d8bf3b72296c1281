"""Tokens of every shape for the tests, signed byte by byte so that also what no library would sign can be made."""

from __future__ import annotations

import functools
import json
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

from portico.exchange.exchange import Exchange
from portico.exchange.request import Request
from portico.identity.claims import ClaimRules
from portico.identity.jwt import JwtProof
from portico.identity.keys import Key

SECRET = "a secret of the tests that is more than sixty-four bytes long, so that it fits all"
NOW = 1_750_000_000.0
CLAIMS: dict[str, Any] = {"sub": "u-1", "tenant_id": "t-1", "role": "agent", "exp": NOW + 60}


@functools.cache
def private_key(algorithm: str) -> Any:
    """A private key that fits `algorithm`, the same for the whole run."""
    if algorithm[:2] in ("RS", "PS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}[algorithm]
    return ec.generate_private_key(curve)


def public_pem(private: Any) -> str:
    """The public half as PEM text."""
    pem: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def private_pem(private: Any) -> str:
    """The private key as PEM text."""
    pem: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def verifying_key(algorithm: str) -> Key:
    """The key that verifies what `sign` signs with `algorithm`."""
    if algorithm.startswith("HS"):
        return Key.from_secret(SECRET)
    return Key.from_public(private_key(algorithm).public_key())


def sign_bytes(header: bytes, payload: bytes, algorithm: str = "HS256", key: Any = None) -> bytes:
    """A compact JWS over exactly these bytes."""
    if key is None:
        key = SECRET.encode() if algorithm.startswith("HS") else private_key(algorithm)
    signed = base64url_encode(header) + b"." + base64url_encode(payload)
    signature = get_default_algorithms()[algorithm].sign(signed, key)
    return signed + b"." + base64url_encode(signature)


def sign(claims: Any, algorithm: str = "HS256", key: Any = None, **header: Any) -> bytes:
    """A token with these claims; `header` adds to and overrides the usual header."""
    head = {"typ": "JWT", "alg": algorithm, **header}
    return sign_bytes(json.dumps(head).encode(), json.dumps(claims).encode(), algorithm, key)


def proof(*algorithms: str, rules: ClaimRules | None = None, field: bytes = b"authorization") -> JwtProof:
    """A proof named `users` for these algorithms, HS256 when none is named."""
    names = algorithms or ("HS256",)
    return JwtProof("users", [verifying_key(name) for name in names], names, rules or ClaimRules(), field)


def on_the_road(made: Request) -> Exchange:
    """The exchange of a request that no connection brought."""
    return Exchange(cast(Any, None), made, 0.0)


def request(*fields: tuple[bytes, bytes]) -> Exchange:
    """A request with these fields among others."""
    made = Request()
    made.method = b"GET"
    made.fields = [(b"host", b"api.example"), (b"accept", b"*/*"), *fields]
    return on_the_road(made)


def bearing(token: bytes) -> Exchange:
    """A request with `Authorization: Bearer token`."""
    return request((b"authorization", b"Bearer " + token))
