"""Sign requests towards a service (RFC 9421), with the digest of the body where the body is at hand (RFC 9530).

A service that knows the gateway's key need not believe anybody else about callers. What a client has signed ends here:
the gateway changes what it forwards, and a second label of the same name would say two things. A body that is still
coming when the head is sent has no digest of ours; the client's own Content-Digest then passes, and is covered.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from portico.exchange.fields import Field
from portico.http.digest import content_digest
from portico.http.signature_algorithms import sign
from portico.http.signature_base import Component, Coverage, Message

_SIGNATURES = frozenset({b"signature", b"signature-input"})
_RSA_BITS = 2048
_SECRET_BYTES = 32
_CURVES = {"secp256r1": "ecdsa-p256-sha256", "secp384r1": "ecdsa-p384-sha384"}


class SigningKeyError(ValueError):
    """A key cannot sign. The message is for the person who configured it and never shows the key."""


class SigningKey(NamedTuple):
    """A key, and what it signs with."""

    algorithm: str
    material: Any


def secret_key(secret: str, algorithm: str | None) -> SigningKey:
    """A shared secret. Raises SigningKeyError."""
    material = secret.encode()
    if len(material) < _SECRET_BYTES:
        raise SigningKeyError(f"is {len(material)} bytes long: at least {_SECRET_BYTES} are needed")
    return SigningKey(_fitting(("hmac-sha256",), algorithm), material)


def private_key(pem: str, algorithm: str | None) -> SigningKey:
    """A private key in PEM form, without a password. Raises SigningKeyError."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningKeyError("is no private key in PEM form without a password") from None
    able: tuple[str, ...] = ()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        able = ("ed25519",)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        able = tuple(name for curve, name in _CURVES.items() if curve == key.curve.name)
    elif isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _RSA_BITS:
            raise SigningKeyError(f"is an RSA key of {key.key_size} bits: at least {_RSA_BITS} are needed")
        able = ("rsa-pss-sha512", "rsa-v1_5-sha256")
    return SigningKey(_fitting(able, algorithm), key)


def _fitting(able: tuple[str, ...], algorithm: str | None) -> str:
    """What is asked for, or the first that the key can do."""
    if not able:
        raise SigningKeyError("is of a type that signs no messages: use Ed25519, P-256, P-384 or RSA")
    if algorithm is None:
        return able[0]
    if algorithm not in able:
        raise SigningKeyError(f"is no key for {algorithm}: it is for {' or '.join(able)}")
    return algorithm


class Signer:
    """Signs requests to one service."""

    __slots__ = ("_components", "_expires_s", "_key", "_keyid", "_label", "_tag")

    def __init__(
        self,
        key: SigningKey,
        keyid: str,
        components: Sequence[str],
        *,
        label: str = "portico",
        tag: str | None = None,
        expires_s: float | None = None,
    ) -> None:
        self._key = key
        self._keyid = keyid
        self._components = [Component(name, {}) for name in components]
        self._label = label.encode()
        self._tag = tag
        self._expires_s = expires_s

    def sign(
        self,
        method: bytes,
        target: bytes,
        scheme: bytes,
        authority: bytes,
        fields: list[Field],
        told: Sequence[Field],
        body: bytes | None,
        wall: float,
    ) -> tuple[list[Field], list[Field]]:
        """(the fields that still go out as they are, the fields that go out besides).

        `fields` are the client's that pass, `told` what the gateway says itself; `body` is None while it is coming.
        A component that the request does not have is left out.
        """
        ours: list[Field] = []
        dropped = _SIGNATURES
        if body:
            ours.append((b"content-digest", content_digest(body)))
            dropped = dropped | {b"content-digest"}
        kept = [field for field in fields if field[0] not in dropped]
        everything = [*kept, *told, *ours]
        message = Message.of_request(method, target, scheme, authority, everything)
        covered = [_as_it_can_be(one, message) for one in self._components if _is_there(one, message)]
        coverage = Coverage(covered, self._parameters(wall))
        signature = sign(self._key.algorithm, self._key.material, coverage.base(message))
        ours.append((b"signature-input", b"%b=%b" % (self._label, coverage.text.encode())))
        ours.append((b"signature", b"%b=:%b:" % (self._label, b2a_base64(signature, newline=False))))
        return kept, ours

    def _parameters(self, wall: float) -> dict[str, Any]:
        parameters: dict[str, Any] = {"created": int(wall), "keyid": self._keyid}
        if self._expires_s is not None:
            parameters["expires"] = int(wall + self._expires_s)
        parameters["nonce"] = os.urandom(12).hex()
        parameters["alg"] = self._key.algorithm
        if self._tag is not None:
            parameters["tag"] = self._tag
        return parameters

    def __repr__(self) -> str:
        return f"<Signer {self._keyid} {self._key.algorithm}>"


def _is_there(component: Component, message: Message) -> bool:
    return component.name in message.derived or bool(message.values(component.name.encode()))


def _as_it_can_be(component: Component, message: Message) -> Component:
    """A client may send bytes outside ASCII: such a field is signed as bytes (section 2.1.3)."""
    if all(value.isascii() for value in message.values(component.name.encode())):
        return component
    return Component(component.name, {"bs": True})
