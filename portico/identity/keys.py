"""Keys that may verify a signature, each bound to the algorithms that it may be used with.

A key knows its algorithms from what it is (type, curve, length) and from what its JWK says (`alg`, `use`,
`key_ops`: RFC 7517 section 4), never from a token: that is what makes key confusion impossible (RFC 8725
section 3.1). Keys that are too short are refused here, when they are loaded (RFC 7518 sections 3.2 and 3.3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import PyJWTError

# An HMAC key must be at least as long as the hash's output (RFC 7518 section 3.2).
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
RSA_BITS = 2048  # RFC 7518 section 3.3

ALGORITHMS: Mapping[str, Algorithm] = {
    name: algorithm
    for name, algorithm in get_default_algorithms().items()
    if name in {*SECRET_BYTES, *RSA_ALGORITHMS, *CURVES.values(), "EdDSA"}
}

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_PUBLIC_TYPES = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
_JWK_LOADERS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


class KeyRefusedError(ValueError):
    """A key cannot be used. The message is for the person who configured it and never shows the key."""


class Key:
    """One key that may verify, and the algorithms that it may do so with. `material` is ready for PyJWT."""

    __slots__ = ("algorithms", "kid", "material")

    def __init__(self, material: Any, algorithms: frozenset[str], kid: str | None = None) -> None:
        self.material = material
        self.algorithms = algorithms
        self.kid = kid

    def __repr__(self) -> str:
        return f"<Key {self.kid or 'without id'} for {', '.join(sorted(self.algorithms))}>"

    @classmethod
    def from_secret(cls, secret: str | bytes) -> Key:
        """An HMAC key from a shared secret, for every HS algorithm that it is long enough for."""
        data = secret.encode() if isinstance(secret, str) else secret
        algorithms = frozenset(name for name, least in SECRET_BYTES.items() if len(data) >= least)
        if not algorithms:
            raise KeyRefusedError(
                f"is {len(data)} bytes long: HS256 needs at least 32 (RFC 7518 section 3.2)"
            )
        try:
            return cls(ALGORITHMS["HS256"].prepare_key(data), algorithms)
        except PyJWTError:
            raise KeyRefusedError("looks like a public key, which is known to everybody") from None

    @classmethod
    def from_public(cls, public: object, kid: str | None = None) -> Key:
        """A key from a public key object of the cryptography package."""
        if isinstance(public, rsa.RSAPublicKey):
            if public.key_size < RSA_BITS:
                raise KeyRefusedError(
                    f"is an RSA key of {public.key_size} bits: at least {RSA_BITS} are needed "
                    "(RFC 7518 section 3.3)"
                )
            return cls(public, frozenset(RSA_ALGORITHMS), kid)
        if isinstance(public, ec.EllipticCurvePublicKey):
            algorithm = CURVES.get(public.curve.name)
            if algorithm is None:
                raise KeyRefusedError(f"is on the curve {public.curve.name}, which no algorithm here uses")
            return cls(public, frozenset({algorithm}), kid)
        if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            return cls(public, frozenset({"EdDSA"}), kid)
        raise KeyRefusedError("is of a type that cannot verify tokens: use RSA, EC or Ed25519")

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Key:
        """A key from a JSON Web Key: `alg`, `use` and `key_ops` narrow what it verifies (RFC 7517 section 4)."""
        kind, kid = jwk.get("kty"), jwk.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise KeyRefusedError('has a "kid" that is no string')
        if jwk.get("use", "sig") != "sig":
            raise KeyRefusedError('is not for signatures: its "use" is not "sig"')
        operations = jwk.get("key_ops", ["verify"])
        if not isinstance(operations, list) or "verify" not in operations:
            raise KeyRefusedError('is not for verifying: its "key_ops" lack "verify"')
        try:
            if kind == "oct":
                key = cls.from_secret(ALGORITHMS["HS256"].from_jwk(dict(jwk)))
            elif kind in _JWK_LOADERS:
                loaded = ALGORITHMS[_JWK_LOADERS[kind]].from_jwk(dict(jwk))
                key = cls.from_public(loaded if isinstance(loaded, _PUBLIC_TYPES) else loaded.public_key())
            else:
                raise KeyRefusedError('has a "kty" that is not RSA, EC, OKP or oct')
        except KeyRefusedError:
            raise
        except (PyJWTError, UnsupportedAlgorithm, TypeError, KeyError, AttributeError, ValueError) as error:
            raise KeyRefusedError(f"is not a usable JSON Web Key ({type(error).__name__})") from None
        key.kid = kid
        if "alg" in jwk:
            key.algorithms &= {str(jwk["alg"])}
            if not key.algorithms:
                raise KeyRefusedError('has an "alg" that its own type, curve or length does not allow')
        return key


def public_keys(text: str) -> list[Key]:
    """The keys in `text`: PEM public keys or certificates, several after one another, or a JWK or JWK set.

    Raises KeyRefusedError. A private key is refused: a gateway that only verifies should not hold one.
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    blocks = list(_PEM_BLOCK.finditer(text))
    if not blocks:
        raise KeyRefusedError("holds no public key: expected -----BEGIN PUBLIC KEY----- or a JSON Web Key")
    return [_from_pem(block.group(1), block.group(0)) for block in blocks]


def _from_pem(label: str, block: str) -> Key:
    if "PRIVATE" in label:
        raise KeyRefusedError(
            "is a private key: give the gateway the public one "
            "(openssl pkey -in private.pem -pubout -out public.pem)"
        )
    try:
        if label == "CERTIFICATE":
            return Key.from_public(x509.load_pem_x509_certificate(block.encode()).public_key())
        return Key.from_public(load_pem_public_key(block.encode()))
    except KeyRefusedError:
        raise
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefusedError(f"is a damaged or unknown {label}") from None


def _from_json(text: str) -> list[Key]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise KeyRefusedError("is neither PEM nor JSON") from None
    entries = found.get("keys", [found])
    if not isinstance(entries, list) or not entries:
        raise KeyRefusedError('is a JWK set without "keys"')
    keys = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise KeyRefusedError("is a JWK set with a member that is no key")
        if entry.get("kty") == "oct":
            raise KeyRefusedError("is a symmetric key: that is a secret, and belongs under secret")
        keys.append(Key.from_jwk(entry))
    return keys
