"""Read one DPoP proof: a token made for one request, signed by the key that it names itself (RFC 9449 section 4.3).

By itself it proves only that somebody has that key. Whether the access token is bound to it, and whether the proof was
seen before, is asked in `bound`. Everything that is wrong is a TokenError.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from portico.http.signature_base import plain_authority
from portico.routing.normal import normalise

from .encoding import to_base64url
from .jwk import is_private, thumbprint
from .jws import TokenError, json_object, read
from .keys import Key, KeyRefusedError

_URL = re.compile(r"(https?)://([^/?#@]+)([^?#]*)", re.IGNORECASE | re.ASCII).match


class Asked(NamedTuple):
    """The request that a proof must be made for. `path` is the normalised one."""

    method: bytes
    scheme: bytes
    authority: bytes
    path: bytes


class DpopProof(NamedTuple):
    """A proof for this request. `thumbprint` is that of its key (RFC 7638); `nonce` None: it has none."""

    thumbprint: str
    jti: str
    issued: float
    nonce: str | None


def read_proof(
    proof: bytes, asked: Asked, token: bytes, algorithms: Container[str], wall: float, window_s: float
) -> DpopProof:
    """The proof, if it was made at about `wall` for this request with this access token."""
    compact = read(proof, algorithms)
    if compact.header.get("typ") != "dpop+jwt":
        raise TokenError("its typ is not dpop+jwt")
    jwk = compact.header.get("jwk")
    if not isinstance(jwk, dict):
        raise TokenError("it names no key")
    if is_private(jwk):
        raise TokenError("its key is private or secret")
    try:
        compact.check((Key.from_jwk(jwk),))
        print_ = thumbprint(jwk)
    except (KeyRefusedError, ValueError) as error:
        raise TokenError(f"its key {error}") from None
    claims = json_object(compact.payload, "payload")
    _check_request(claims, asked)
    if claims.get("ath") != to_base64url(sha256(token).digest()).decode():
        raise TokenError("it is not for this access token")
    jti, nonce = claims.get("jti"), claims.get("nonce")
    if not isinstance(jti, str) or not jti:
        raise TokenError("it has no jti")
    if nonce is not None and not isinstance(nonce, str):
        raise TokenError("its nonce is no string")
    issued = claims.get("iat")
    # bool is an int in Python; a number of any length can be compared, but not subtracted.
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise TokenError("it has no iat")
    if not wall - window_s <= issued <= wall + window_s:
        raise TokenError("its iat is too far from now")
    return DpopProof(print_, jti, float(issued), nonce)


def _check_request(claims: Mapping[str, Any], asked: Asked) -> None:
    if claims.get("htm") != asked.method.decode("latin-1"):
        raise TokenError("it is for another method")
    htu = claims.get("htu")
    found = _URL(htu) if isinstance(htu, str) and htu.isascii() else None
    if found is None:
        raise TokenError("it is for no http URL")
    # Query and fragment do not count (section 4.3, step 9); the rest in its normal form (RFC 3986 section 6.2).
    scheme, authority, path = (part.encode() for part in found.groups())
    scheme = scheme.lower()
    if (
        scheme != asked.scheme
        or plain_authority(scheme, authority) != plain_authority(asked.scheme, asked.authority)
        or normalise(path or b"/") != asked.path
    ):
        raise TokenError("it is for another URL")
