"""Base64url and JSON as tokens and keys use them, read in one form only (RFC 7515 section 2, RFC 7493).

Leniency would give one token two spellings, and one name two values: padding, other alphabets, bits behind the last
byte, names that occur twice, text behind the JSON, `NaN` and half surrogate pairs are refused. Everything that is
wrong is a ValueError.
"""

from __future__ import annotations

import json
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from sys import intern
from typing import Any

_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")


def from_base64url(segment: bytes) -> bytes:
    """The bytes behind base64url without padding. Raises ValueError for any form but the canonical one."""
    padded = segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4)
    try:
        data = a2b_base64(padded)
    except Base64Error:
        raise ValueError("is not base64url") from None
    if b2a_base64(data, newline=False) != padded:
        raise ValueError("is not base64url in canonical form")
    return data


def to_base64url(data: bytes) -> bytes:
    """Base64url without padding."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_FROM_STANDARD)


def from_json(data: bytes) -> Any:
    """The JSON value in `data`. Raises ValueError for text that two readers could read in two ways."""
    try:
        value = _decode(data.decode())
        if b"\\u" in data:
            # An escape can spell half a surrogate pair, which no encoder could write again.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("is not valid JSON") from None
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
