"""Keys that may verify a signature, each bound to the algorithms that it may be used with.

A key knows its algorithms from what it is (type, curve, length) and from what its JWK says (`alg`, `use`,
`key_ops`: RFC 7517 section 4), never from a token: that is what makes key confusion impossible (RFC 8725
section 3.1). Keys that are too short are refused here, when they are loaded (RFC 7518 sections 3.2 and 3.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import PyJWTError

from .encoding import from_json
from .jwk import is_private, public_object, secret_bytes, thumbprint

# An HMAC key must be at least as long as the hash's output (RFC 7518 section 3.2).
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
RSA_BITS = 2048  # RFC 7518 section 3.3
RSA_BITS_MOST = 8192  # a longer one costs more time per token than a stranger may take
SET_KEYS = 100

ALGORITHMS: Mapping[str, Algorithm] = {
    name: algorithm
    for name, algorithm in get_default_algorithms().items()
    if name in {*SECRET_BYTES, *RSA_ALGORITHMS, *CURVES.values(), "EdDSA"}
}

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


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
            if public.key_size > RSA_BITS_MOST:
                raise KeyRefusedError(
                    f"is an RSA key of {public.key_size} bits: {RSA_BITS_MOST} are the most"
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
        """A key from a JSON Web Key: `alg`, `use` and `key_ops` narrow what it verifies (RFC 7517 section 4).

        Private members are not read, nor are certificates.
        """
        kind, kid = jwk.get("kty"), jwk.get("kid")
        if not isinstance(kind, str) or kind not in ("RSA", "EC", "OKP", "oct"):
            raise KeyRefusedError('has a "kty" that is not RSA, EC, OKP or oct')
        if kid is not None and not isinstance(kid, str):
            raise KeyRefusedError('has a "kid" that is no string')
        if jwk.get("use", "sig") != "sig":
            raise KeyRefusedError('is not for signatures: its "use" is not "sig"')
        operations = jwk.get("key_ops", ["verify"])
        if not isinstance(operations, list) or "verify" not in operations:
            raise KeyRefusedError('is not for verifying: its "key_ops" lack "verify"')
        try:
            key = cls.from_secret(secret_bytes(jwk)) if kind == "oct" else cls.from_public(public_object(jwk))
        except KeyRefusedError:
            raise
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyRefusedError(f"is not a usable JSON Web Key: it {_reason(error)}") from None
        key.kid = kid
        if "alg" in jwk:
            key.algorithms &= {str(jwk["alg"])}
            if not key.algorithms:
                raise KeyRefusedError('has an "alg" that its own type, curve or length does not allow')
        return key


class KeySet:
    """The keys of one issuer as a JWK set gave them (RFC 7517 section 5); a newer set replaces it.

    `digest` tells sets with other keys apart. `trusted` is True until a newer set has taken its place or it has
    become too old: what was verified by its keys holds no longer than that. `refused` says why members were left out.
    """

    __slots__ = ("digest", "keys", "refused", "trusted")

    def __init__(self, keys: tuple[Key, ...], digest: bytes, refused: tuple[str, ...] = ()) -> None:
        self.keys = keys
        self.digest = digest
        self.refused = refused
        self.trusted = True

    @classmethod
    def read(cls, document: bytes) -> KeySet:
        """The usable public keys of a JWK set. Raises KeyRefusedError when it is none, or has no usable key.

        A member that cannot be used is left out, as RFC 7517 section 5 asks. So is one that is secret: what an
        issuer has published by mistake, everybody can sign with.
        """
        try:
            found = from_json(document)
        except ValueError as error:
            raise KeyRefusedError(f"is no JWK set: it {error}") from None
        members = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(members, list):
            raise KeyRefusedError('is no JWK set: it has no list "keys"')
        if len(members) > SET_KEYS:
            raise KeyRefusedError(f"has {len(members)} keys: {SET_KEYS} are the most")
        keys, refused, prints = [], [], []
        for index, member in enumerate(members):
            try:
                if not isinstance(member, dict):
                    raise KeyRefusedError("is no JSON object")
                if is_private(member):
                    raise KeyRefusedError("is secret or private, and yet published")
                key = Key.from_jwk(member)
            except KeyRefusedError as error:
                refused.append(f"keys[{index}] {error}")
            else:
                keys.append(key)
                prints.append(f"{key.kid!r} {sorted(key.algorithms)} {thumbprint(member)}")
        if not keys:
            raise KeyRefusedError("; ".join(["has no usable key", *refused[:5]]))
        return cls(tuple(keys), sha256("\n".join(sorted(prints)).encode()).digest(), tuple(refused))

    def knows(self, kid: str) -> bool:
        """Whether one of the keys has this id."""
        return any(key.kid == kid for key in self.keys)

    def choose(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """The keys that may verify a token with this `kid`; none where no key has it, whatever others could do.

        Without a `kid` a key is taken only if it is the only one for `algorithm` (OpenID Connect Core section 10.1).
        """
        able = tuple(key for key in self.keys if algorithm in key.algorithms)
        if kid is None:
            return able if len(able) == 1 else ()
        return tuple(key for key in able if key.kid == kid)

    def __repr__(self) -> str:
        kept = "" if self.trusted else ", replaced"
        return f"<KeySet {len(self.keys)} keys, {len(self.refused)} refused{kept}>"


class WrittenKeys(KeySet):
    """Keys that stand in the configuration. All are trusted alike, so `kid` chooses nothing."""

    __slots__ = ()

    def __init__(self, keys: Iterable[Key]) -> None:
        super().__init__(tuple(keys), b"")

    def choose(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """Every key that serves the algorithm."""
        return tuple(key for key in self.keys if algorithm in key.algorithms)

    def knows(self, kid: str) -> bool:
        """Yes: there is no set to ask for another key."""
        return True


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
        found = from_json(text.encode("utf-8", "surrogatepass"))
    except ValueError:
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
        if is_private(entry):
            raise KeyRefusedError("is a private key: give the gateway its public members only")
        keys.append(Key.from_jwk(entry))
    return keys


def _reason(error: Exception) -> str:
    # The library's own words may quote the key.
    return (
        str(error) if type(error) is ValueError and str(error).startswith(("is ", "has ")) else "is damaged"
    )
