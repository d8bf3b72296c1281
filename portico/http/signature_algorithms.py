"""The algorithms of HTTP message signatures (RFC 9421 section 3.3), each by the JOSE algorithm that does the same.

Section 3.3.7 maps the other way round; the bytes agree: ECDSA as r and s, PSS with a salt as long as its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from jwt.algorithms import Algorithm, get_default_algorithms

SignatureAlgorithm = Literal[
    "hmac-sha256",
    "rsa-pss-sha512",
    "rsa-v1_5-sha256",
    "ecdsa-p256-sha256",
    "ecdsa-p384-sha384",
    "ed25519",
]

JOSE: Mapping[str, str] = {
    "hmac-sha256": "HS256",
    "rsa-pss-sha512": "PS512",
    "rsa-v1_5-sha256": "RS256",
    "ecdsa-p256-sha256": "ES256",
    "ecdsa-p384-sha384": "ES384",
    "ed25519": "EdDSA",
}
_ALGORITHMS: Mapping[str, Algorithm] = {
    name: algorithm for name, algorithm in get_default_algorithms().items() if name in JOSE.values()
}


def verifies(algorithm: str, material: Any, signed: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `signed` by this key. Whatever a library makes of hostile bytes is no."""
    try:
        return _ALGORITHMS[JOSE[algorithm]].verify(signed, material, signature)
    except Exception:  # noqa: BLE001 - see above
        return False


def sign(algorithm: str, material: Any, data: bytes) -> bytes:
    """The signature of `data`. Raises what the library says of a key that cannot."""
    return _ALGORITHMS[JOSE[algorithm]].sign(data, material)
