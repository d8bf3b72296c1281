"""One JSON Web Key: its public half as an object that verifies, and its thumbprint (RFC 7517, 7518, 8037, 7638).

Only the members that make the public key are read. Private members and certificate chains (`x5c`, `x5u`) change
nothing here: whether a key with them is taken at all is decided where keys come in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from .encoding import from_base64url, to_base64url

# The members that make a key of each type, in the order in which RFC 7638 section 3.2 hashes them.
_REQUIRED = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
    "oct": ("k", "kty"),
}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_CURVES: dict[str, tuple[ec.EllipticCurve, int]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
    "P-521": (ec.SECP521R1(), 66),
}
# A larger modulus or exponent costs more time per signature than a stranger's token may.
_MODULUS_BYTES = 1024
_EXPONENT_BYTES = 8


def is_private(jwk: Mapping[str, Any]) -> bool:
    """Whether it holds what only its owner may know. A symmetric key always does."""
    return jwk.get("kty") == "oct" or not _PRIVATE.isdisjoint(jwk)


def secret_bytes(jwk: Mapping[str, Any]) -> bytes:
    """The secret of a symmetric key. Raises ValueError."""
    return _octets(jwk, "k")


def public_object(jwk: Mapping[str, Any]) -> object:
    """The public key as the cryptography package has it. Raises ValueError for anything that is no such key."""
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if kind == "RSA":
        return _rsa(jwk)
    if kind == "EC" and isinstance(curve, str) and curve in _CURVES:
        known, size = _CURVES[curve]
        # RFC 7518 section 6.2.1.2: the full size of a coordinate, leading zeros and all.
        x, y = _octets(jwk, "x", size), _octets(jwk, "y", size)
        return ec.EllipticCurvePublicKey.from_encoded_point(known, b"\x04" + x + y)
    if kind == "OKP" and curve == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk, "x", 32))
    if kind == "OKP" and curve == "Ed448":
        return ed448.Ed448PublicKey.from_public_bytes(_octets(jwk, "x", 57))
    raise ValueError("is on a curve that no algorithm here uses")


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 with SHA-256, in base64url. Raises ValueError for a key that lacks what the thumbprint is made of."""
    names = _REQUIRED.get(jwk["kty"]) if isinstance(jwk.get("kty"), str) else None
    if names is None or not all(isinstance(jwk.get(name), str) for name in names):
        raise ValueError("is no key that has a thumbprint")
    canonical = json.dumps({name: jwk[name] for name in names}, separators=(",", ":"), ensure_ascii=False)
    return to_base64url(sha256(canonical.encode()).digest()).decode()


def _rsa(jwk: Mapping[str, Any]) -> rsa.RSAPublicKey:
    modulus, exponent = _octets(jwk, "n"), _octets(jwk, "e")
    if len(modulus) > _MODULUS_BYTES or len(exponent) > _EXPONENT_BYTES:
        raise ValueError("is an RSA key of more than 8192 bits, or with an exponent of more than 64")
    return rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()


def _octets(jwk: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise ValueError(f'has no "{name}"')
    data = from_base64url(value.encode())
    if size is not None and len(data) != size:
        raise ValueError(f'has a "{name}" of {len(data)} bytes instead of {size}')
    return data
