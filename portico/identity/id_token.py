"""What an ID token and a logout token must say (OpenID Connect Core 1.0 section 3.1.3.7, Back-Channel Logout 1.0
section 2.6), by the keys of a provider that is trusted.

Stricter where the texts leave a choice: `azp`, where it is there, is this client; a token for several audiences has it;
`iat` and `exp` are always there. The signature is checked even though the token came over TLS.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from typing import Any

from .claims import ClaimRules, Lifetime, lifetime, plain_typ
from .encoding import to_base64url
from .jws import Compact, TokenError, json_object
from .keys import KeySet

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
NAME_LENGTH = 255  # of `sub`: section 2 of the core
_HASHES = {"256": sha256, "384": sha384, "512": sha512}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens, for whom, signed with what."""

    issuer: str
    client: str
    algorithms: frozenset[str]
    leeway_s: float


def id_token_claims(
    compact: Compact, keys: KeySet, rules: TokenRules, nonce: str, access_token: str | None, wall: float
) -> dict[str, Any]:
    """The claims of an ID token. Raises TokenError unless it answers the sign-in with this `nonce`."""
    if _kind(compact) not in (None, "jwt"):
        raise TokenError("it is no ID token by its typ")
    claims = _verified(compact, keys, rules, wall)
    if name_of(claims, "sub") is None:
        raise TokenError("it has no sub")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise TokenError("its nonce is not that of this sign-in")
    at_hash = claims.get("at_hash")
    if at_hash is not None and (
        access_token is None or at_hash != _half_hash(compact.algorithm, access_token)
    ):
        raise TokenError("its at_hash is not that of the access token beside it")
    return claims


def logout_token_claims(compact: Compact, keys: KeySet, rules: TokenRules, wall: float) -> dict[str, Any]:
    """The claims of a logout token, with `sub`, `sid` or both, and `jti`. Raises TokenError."""
    if _kind(compact) not in (None, "jwt", "logout+jwt"):
        raise TokenError("it is no logout token by its typ")
    claims = _verified(compact, keys, rules, wall)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenError("it tells of no sign-out")
    if "nonce" in claims:
        raise TokenError("it has a nonce, like an ID token")
    if name_of(claims, "jti") is None:
        raise TokenError("it has no jti")
    if (name_of(claims, "sub"), name_of(claims, "sid")) == (None, None):
        raise TokenError("it names neither a user nor a session")
    return claims


def name_of(claims: Mapping[str, Any], claim: str) -> str | None:
    """A claim that names something, None when it is not there. Raises TokenError for what is no name."""
    value = claims.get(claim)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= NAME_LENGTH:
        raise TokenError(f"its {claim} is no text of 1 to {NAME_LENGTH} characters")
    return value


def _kind(compact: Compact) -> str | None:
    typ = compact.header.get("typ")
    if typ is not None and not isinstance(typ, str):
        raise TokenError("its typ is no string")
    return None if typ is None else plain_typ(typ)


def _verified(compact: Compact, keys: KeySet, rules: TokenRules, wall: float) -> dict[str, Any]:
    chosen = keys.choose(compact.kid, compact.algorithm)
    if not chosen:
        raise TokenError("its kid and algorithm choose no key of the provider")
    compact.check(chosen)
    claims = json_object(compact.payload, "payload")
    if claims.get("iss") != rules.issuer:
        raise TokenError("its iss is not the provider")
    _check_audience(claims, rules.client)
    life: Lifetime = lifetime(claims, ClaimRules(leeway_s=rules.leeway_s))
    if claims.get("iat") is None:
        raise TokenError("it has no iat")
    if wall >= life.end:
        raise TokenError("it has expired", expired=True)
    if wall < life.start:
        raise TokenError("it is not valid yet")
    return claims


def _check_audience(claims: Mapping[str, Any], client: str) -> None:
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if client not in named or not all(isinstance(name, str) for name in named):
        raise TokenError("its aud does not name this client")
    authorized = claims.get("azp")
    if authorized is None:
        if len(named) > 1:
            raise TokenError("it is for several audiences, and has no azp")
    elif authorized != client:
        raise TokenError("its azp is another client")


def _half_hash(algorithm: str, text: str) -> str:
    # Ed25519 hashes with SHA-512 itself.
    digest = _HASHES.get(algorithm[-3:], sha512)(text.encode("utf-8", "surrogatepass")).digest()
    return to_base64url(digest[: len(digest) // 2]).decode()
