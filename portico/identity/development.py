"""Make a token that this configuration accepts, for people who try the gateway (`portico token`, `portico run`).

Signs with the configured secret, or with a private key that is handed in. The token is checked by the same proof
that requests meet, so that nobody is handed one that does not work.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, cast

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from portico.config.models.identity import IdentitySettings, JwtSettings
from portico.config.problems import did_you_mean
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.request import Request

from .jwt import JwtProof
from .jwt_block import ANY_AUDIENCE, claim_rules
from .keys import Key, KeyRefusedError
from .proofs import Proof, Proofs


class TokenNotMadeError(Exception):
    """No token could be made. The message is for the person who asked, and shows no key."""


def make_token(
    identity: Mapping[str, IdentitySettings],
    name: str,
    claims: Mapping[str, Any],
    *,
    expires_s: float,
    wall: float,
    private_key: str | None = None,
) -> str:
    """A token for the identity block `name` that says `claims` and holds for `expires_s` from `wall` on.

    `iat`, `exp`, `jti`, and what the block demands of `iss`, `aud` and `type` are added where `claims` do not say
    them. `private_key` is PEM text, needed for a block that has only a public key. Raises TokenNotMadeError.
    """
    if name not in identity:
        hint = did_you_mean(name, identity) or f"there are {', '.join(identity) or 'none'}"
        raise TokenNotMadeError(f'there is no identity "{name}": {hint}')
    proofs = Proofs({name: identity[name]})
    if proofs.problems:
        raise TokenNotMadeError("; ".join(map(str, proofs.problems)))
    settings = identity[name].jwt
    if settings is None:
        raise TokenNotMadeError(f"identity {name} takes no JSON Web Tokens: none can be made for it")
    if settings.dpop is not None and settings.dpop.mode == "required":
        raise TokenNotMadeError(
            f"identity {name} takes only tokens that are bound to a key (dpop: required): "
            "a client has to make the proof for each request"
        )
    key, algorithm = _signing_key(name, settings, private_key)
    said = {**_defaults(settings, expires_s, wall), **claims}
    header = {} if settings.typ is None else {"typ": settings.typ}
    try:
        token = jwt.encode(said, key, algorithm=algorithm, headers=header)
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise TokenNotMadeError(f"these claims cannot be put into a token: {error}") from None
    # Published keys cannot be asked for here: the token is judged by the key that it is signed with.
    proof = proofs.by_name[name]
    if settings.is_remote:
        own = [Key.from_public(key.public_key())]
        proof = JwtProof(name, own, settings.accepted, claim_rules(settings), settings.header.encode("ascii"))
    _check(proof, token, wall)
    return token


def _defaults(settings: JwtSettings, expires_s: float, wall: float) -> dict[str, Any]:
    said: dict[str, Any] = {"iat": int(wall), "exp": int(wall + expires_s), "jti": secrets.token_hex(16)}
    if settings.trusted_issuer is not None:
        said["iss"] = settings.trusted_issuer
    audience = next((name for name in settings.audience if name != ANY_AUDIENCE), None)
    if audience is not None:
        said["aud"] = audience
    if settings.type is not None:
        said["type"] = settings.type
    return said


def _signing_key(name: str, settings: JwtSettings, private_key: str | None) -> tuple[Any, str]:
    """The key to sign with, and the algorithm to sign by."""
    if settings.hmac_secrets:
        if private_key is not None:
            raise TokenNotMadeError(f"identity {name} verifies with a secret: no private key is needed")
        return settings.hmac_secrets[0], settings.accepted[0]
    if private_key is None:
        raise TokenNotMadeError(
            f"identity {name} has only a public key: to sign a token for it, give the private key that belongs to it"
        )
    try:
        loaded = load_pem_private_key(private_key.encode(), password=None)
        able = Key.from_public(loaded.public_key()).algorithms
    except (ValueError, TypeError, UnsupportedAlgorithm, KeyRefusedError) as error:
        reason = (
            str(error)
            if isinstance(error, KeyRefusedError)
            else "is no private key in PEM form without password"
        )
        raise TokenNotMadeError(f"the key to sign with {reason}") from None
    for algorithm in settings.accepted:
        if algorithm in able:
            return loaded, algorithm
    raise TokenNotMadeError(
        f"identity {name} accepts {', '.join(settings.accepted)}, which this key cannot sign"
    )


def _check(proof: Proof, token: str, wall: float) -> None:
    x = Exchange(cast(Any, None), Request(), 0.0)  # nobody brought it
    x.request.fields = [(proof.field, b"Bearer " + token.encode("ascii"))]
    verdict = proof.prove(x, wall)
    if isinstance(verdict, Failure):
        raise TokenNotMadeError(verdict.detail)
    if not isinstance(verdict, Identity):
        raise TokenNotMadeError("no token could be made")
