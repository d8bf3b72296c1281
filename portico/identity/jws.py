"""Verify one compact JWS with given keys under an allow-list of algorithms (RFC 7515, RFC 8725).

Stricter than it has to be where leniency could give one token two spellings: base64url without padding and in
its only form, names that occur once, no text after the JSON. Everything that is wrong is a TokenError; no
exception of a library comes out. Headers that name keys (`jku`, `jwk`, `x5u`, `x5c`) are never followed.
"""

from __future__ import annotations

import json
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Container, Iterable
from sys import intern
from typing import Any

from .keys import ALGORITHMS, Key

TOKEN_BYTES = 8 * 1024  # a longer token is refused unread

_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")


class TokenError(Exception):
    """A token is not accepted. `reason` is for the log and shows nothing of the token's contents."""

    def __init__(self, reason: str, *, expired: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expired = expired


def verify(
    token: bytes | str, keys: Iterable[Key], algorithms: Container[str]
) -> tuple[dict[str, Any], bytes]:
    """The protected header and the payload of `token`, if one of `keys` signed it with one of `algorithms`.

    A key is tried only for algorithms of its own; `kid` chooses nothing, since these keys are all trusted
    alike. Raises TokenError and nothing else.
    """
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
    signed = token[: len(parts[0]) + 1 + len(parts[1])]
    verifier = ALGORITHMS[algorithm]
    for key in keys:
        if algorithm not in key.algorithms:
            continue
        try:
            good = verifier.verify(signed, key.material, signature)
        except Exception as error:  # noqa: BLE001 - whatever a library makes of hostile bytes, they prove nothing
            raise TokenError(f"its signature could not be checked ({type(error).__name__})") from None
        if good:
            return header, payload
    raise TokenError("its signature is not from a key that is trusted here")


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
    padded = segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4)
    try:
        data = a2b_base64(padded)
    except Base64Error:
        raise TokenError(f"its {name} is not base64url") from None
    if b2a_base64(data, newline=False) != padded:
        raise TokenError(f"its {name} is not base64url in canonical form")
    return data


def json_object(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `data`, with names that occur once and text that is Unicode (RFC 7493)."""
    try:
        value = _decode(data.decode())
        if b"\\u" in data:
            # An escape can spell half a surrogate pair, which no encoder could write again.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise TokenError(f"its {name} is not valid JSON") from None
    if not isinstance(value, dict):
        raise TokenError(f"its {name} is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # All tokens of an issuer have the same names: interned, 10,000 remembered tokens keep one copy of each.
    members = {intern(name): value for name, value in pairs}
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode
