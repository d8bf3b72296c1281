"""Make access and refresh tokens, and read refresh tokens again (requirements 2.3, 2.7).

An access token is one that the identity's own proof accepts. A refresh token is for the gateway alone: it has another
secret, another `type`, and names its family, which is one sign-in, and its generation in it. What its bearer may do is
in it too, so that a sign-in needs no store.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from portico.config.models.identity.issue import OWN_CLAIMS
from portico.exchange.marks import family_mark, jti_mark, token_mark

from .jws import TokenError, json_object, verify
from .keys import Key

FAMILY = "fam"
_GENERATION = "gen"
_IDENTITY = "of"
_REFRESH = "refresh"
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token that was verified. `issued` is wall seconds; `claims` are for the next access token; `marks` are
    what revokes it, beside those of whom it is for."""

    family: str
    generation: int
    issued: float
    claims: Mapping[str, Any]
    marks: tuple[bytes, ...]


class Issuer:
    """Makes the tokens of the identity `name`, whose proof has this leeway. Durations in seconds."""

    __slots__ = (
        "_access_s",
        "_algorithm",
        "_audience",
        "_issuer",
        "_key",
        "_leeway_s",
        "_name",
        "_refresh_s",
        "_secret",
        "_type",
    )

    def __init__(
        self,
        name: str,
        key: Any,
        algorithm: str,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        type: str | None = None,  # noqa: A002  # as the claim is called
        access_s: float = 86_400.0,
        refresh_s: float = 604_800.0,
        refresh_secret: bytes = b"",
        leeway_s: float = 0.0,
    ) -> None:
        self._name = name
        self._leeway_s = leeway_s
        self._key = key
        self._algorithm = algorithm
        self._issuer = issuer
        self._audience = audience
        self._type = type
        self._access_s = access_s
        self._refresh_s = refresh_s
        self._secret = refresh_secret

    @property
    def refreshes(self) -> bool:
        """Whether it can make refresh tokens."""
        return bool(self._secret)

    def access(
        self, claims: Mapping[str, Any], wall: float, family: str = "", audience: str | None = None
    ) -> str:
        """An access token that says `claims`."""
        said = _plain(claims) | {
            "iat": int(wall),
            "exp": int(wall + self._access_s),
            "jti": secrets.token_hex(16),
            **_some(iss=self._issuer, aud=audience or self._audience, type=self._type),
            **({FAMILY: family} if family else {}),
        }
        return jwt.encode(said, self._key, algorithm=self._algorithm)

    def refresh(self, claims: Mapping[str, Any], wall: float, family: str, generation: int) -> str:
        """The refresh token of this generation of a family."""
        said = {
            "type": _REFRESH,
            _IDENTITY: self._name,
            FAMILY: family,
            _GENERATION: generation,
            "iat": int(wall),
            "exp": int(wall + self._refresh_s),
            "jti": secrets.token_hex(16),
            "said": _plain(claims),
            **_some(iss=self._issuer),
        }
        return jwt.encode(said, self._secret, algorithm=_ALGORITHM)

    def new_family(self) -> str:
        """A name for a sign-in."""
        return secrets.token_urlsafe(16)

    def until(self, wall: float) -> float:
        """When what was made by now will all have ended."""
        return wall + max(self._access_s + self._leeway_s, self._refresh_s) + 1.0

    def read(self, token: str, wall: float) -> Refresh:
        """What a refresh token says. Raises TokenError for anything that is not a live one of this issuer."""
        _, payload = verify(token, (Key.from_secret(self._secret),), (_ALGORITHM,))
        said = json_object(payload, "payload")
        if said.get("type") != _REFRESH or said.get("iss") != self._issuer:
            raise TokenError("it is no refresh token of this gateway")
        if said.get(_IDENTITY) != self._name:
            raise TokenError("it is a refresh token of another identity")
        family, generation, claims = said.get(FAMILY), said.get(_GENERATION), said.get("said")
        issued, expires, jti = said.get("iat"), said.get("exp"), said.get("jti")
        if not isinstance(family, str) or type(generation) is not int or not isinstance(claims, dict):
            raise TokenError("it is no refresh token of this gateway")
        if type(issued) is not int or type(expires) is not int or not isinstance(jti, str):
            raise TokenError("it is no refresh token of this gateway")
        # A shorter life that was configured since holds for it too: its family is remembered no longer than that.
        if wall >= min(expires, issued + self._refresh_s):
            raise TokenError("it has expired", expired=True)
        marks = (family_mark(family), jti_mark(self._name, jti), token_mark(token.encode()))
        return Refresh(family, generation, float(issued), claims, marks)

    def __repr__(self) -> str:
        return f"<Issuer {self._name} {self._algorithm}, access {self._access_s:g} s, refresh {self._refresh_s:g} s>"


def _plain(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in OWN_CLAIMS and value is not None}


def _some(**said: str | None) -> dict[str, str]:
    return {name: value for name, value in said.items() if value is not None}
