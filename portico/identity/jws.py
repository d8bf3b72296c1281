"""Verify one compact JWS with given keys under an allow-list of algorithms (RFC 7515, RFC 8725).

Stricter than it has to be where leniency could give one token two spellings: base64url without padding and in
its only form, names that occur once, no text after the JSON. Everything that is wrong is a TokenError; no
exception of a library comes out. Headers that name keys (`jku`, `jwk`, `x5u`, `x5c`) are never followed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from .encoding import from_base64url, from_json
from .keys import ALGORITHMS, Key, KeyRefusedError

TOKEN_BYTES = 8 * 1024  # a longer token is refused unread


class TokenError(Exception):
    """A token is not accepted. `reason` is for the log and shows nothing of the token's contents."""

    def __init__(self, reason: str, *, expired: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expired = expired


class Compact:
    """A compact JWS, read and not yet verified. `signed` is what the signature stands over."""

    __slots__ = ("algorithm", "header", "kid", "payload", "signature", "signed")

    def __init__(
        self, header: dict[str, Any], algorithm: str, payload: bytes, signature: bytes, signed: bytes
    ) -> None:
        self.header = header
        self.algorithm = algorithm
        self.kid: str | None = header.get("kid")
        self.payload = payload
        self.signature = signature
        self.signed = signed

    def check(self, keys: Iterable[Key]) -> None:
        """Raises TokenError unless one of `keys` that serves the algorithm has made the signature."""
        verifier = ALGORITHMS[self.algorithm]
        for key in keys:
            if self.algorithm not in key.algorithms:
                continue
            try:
                good = verifier.verify(self.signed, key.material, self.signature)
            except Exception as error:  # noqa: BLE001 - whatever a library makes of hostile bytes, they prove nothing
                raise TokenError(f"its signature could not be checked ({type(error).__name__})") from None
            if good:
                return
        raise TokenError("its signature is not from a key that is trusted here")


def read(token: bytes | str, algorithms: Container[str]) -> Compact:
    """Take `token` apart. Raises TokenError unless it is a compact JWS with one of `algorithms`."""
    if isinstance(token, str):
        try:
            token = token.encode("ascii")
        except UnicodeEncodeError:
            raise TokenError("it is not ASCII") from None
    if len(token) > TOKEN_BYTES:
        raise TokenError(f"it is longer than {TOKEN_BYTES} bytes")
    parts = token.split(b".")
    if len(parts) != 3:
        raise TokenError(f"it has {len(parts)} parts and not 3")
    header = json_object(decode_segment(parts[0], "header"), "header")
    algorithm = _check_header(header, algorithms)
    payload = decode_segment(parts[1], "payload")
    signature = decode_segment(parts[2], "signature")
    return Compact(header, algorithm, payload, signature, token[: len(parts[0]) + 1 + len(parts[1])])


def peek(token: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token as it says them itself, nothing of which is verified. Raises TokenError."""
    if len(token) > TOKEN_BYTES:
        raise TokenError(f"it is longer than {TOKEN_BYTES} bytes")
    parts = token.split(b".")
    if len(parts) != 3:
        raise TokenError(f"it has {len(parts)} parts and not 3")
    header = json_object(decode_segment(parts[0], "header"), "header")
    return header, json_object(decode_segment(parts[1], "payload"), "payload")


def verify(
    token: bytes | str, keys: Iterable[Key], algorithms: Container[str]
) -> tuple[dict[str, Any], bytes]:
    """The protected header and the payload of `token`, if one of `keys` signed it with one of `algorithms`.

    A key is tried only for algorithms of its own; `kid` chooses nothing, since these keys are all trusted
    alike. Raises TokenError and nothing else.
    """
    compact = read(token, algorithms)
    compact.check(keys)
    return compact.header, compact.payload


def verify_by_jwk(
    token: bytes | str, jwk: Mapping[str, Any], algorithms: Container[str]
) -> tuple[dict[str, Any], bytes]:
    """The protected header and the payload of a compact JWS that the key `jwk` signed with one of `algorithms`.

    The key's own `alg`, `use` and `key_ops` bind, and the least sizes of RFC 7518. Raises TokenError, also for a key
    that cannot be used, and nothing else.
    """
    try:
        key = Key.from_jwk(jwk)
    except KeyRefusedError as error:
        raise TokenError(f"the key {error}") from None
    return verify(token, (key,), algorithms)


def _check_header(header: dict[str, Any], algorithms: Container[str]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms or algorithm not in ALGORITHMS:
        raise TokenError("its algorithm is not allowed here")
    if "crit" in header:
        # Section 4.1.11: an extension that is not understood forbids use, and none is understood here.
        raise TokenError("it names critical extensions")
    if header.get("b64", True) is not True:
        raise TokenError("its payload is not encoded (RFC 7797)")
    if not isinstance(header.get("kid", ""), str):
        raise TokenError("its kid is no string")
    return algorithm


def decode_segment(segment: bytes, name: str) -> bytes:
    """The bytes behind one base64url segment without padding, refused in any form but the canonical one."""
    try:
        return from_base64url(segment)
    except ValueError as error:
        raise TokenError(f"its {name} {error}") from None


def json_object(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `data`, with names that occur once and text that is Unicode (RFC 7493)."""
    try:
        value = from_json(data)
    except ValueError as error:
        raise TokenError(f"its {name} {error}") from None
    if not isinstance(value, dict):
        raise TokenError(f"its {name} is not a JSON object")
    return value
