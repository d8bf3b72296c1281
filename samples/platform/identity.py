"""Who is calling: checks the forwarded access token again, behind the gateway too, and ranks the roles.

The signature, `exp`, `iss`, `type = access`, a user and a tenant are required. Only HS256 is accepted,
whatever the token's own header says (RFC 8725 §3.1). The tenant is taken from the token and from nowhere
else: no header, query or body can name one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt

from samples.platform.errors import ForbiddenError, UnauthenticatedError

ALGORITHM = "HS256"
LEEWAY_S = 60
MAX_TOKEN_BYTES = 8192
MAX_NAME = 255
"""Longest user or tenant id: what the columns hold."""

ROLES = ("user", "agent", "manager", "admin")
"""Lowest first; each may do what those before it may."""

NO_TOKEN = "No authentication token provided"
BAD_TOKEN = "Invalid or expired token"


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller."""

    user_id: str
    tenant_id: str
    role: str
    email: str | None

    def is_at_least(self, role: str) -> bool:
        """Whether the caller's role is `role` or stands above it. An unknown role ranks with `user`."""
        own = ROLES.index(self.role) if self.role in ROLES else 0
        return own >= ROLES.index(role)

    def require(self, role: str, what: str) -> None:
        """Refuses with 403 unless the caller's role is `role` or above; `what` ends the sentence."""
        if not self.is_at_least(role):
            raise ForbiddenError(f"Only the role {role} or above may {what}")


class TokenCheck:
    """Turns an `Authorization` field into a caller, or refuses."""

    def __init__(self, secret: str, issuer: str) -> None:
        self._secret = secret
        self._issuer = issuer

    def caller(self, authorization: str | None) -> Caller:
        """The caller that the token proves; `UnauthenticatedError` without a good one."""
        if not authorization:
            raise UnauthenticatedError(NO_TOKEN)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError(NO_TOKEN)
        claims = self._claims(token.strip())
        role = claims.get("role")
        email = claims.get("email")
        return Caller(
            user_id=_name(claims.get("user_id", claims.get("sub"))),
            tenant_id=_name(claims.get("tenant_id")),
            role=role if isinstance(role, str) else ROLES[0],
            email=email if isinstance(email, str) else None,
        )

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_BYTES:
            raise UnauthenticatedError(BAD_TOKEN)
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                leeway=LEEWAY_S,
                # `aud` and `sub` are the gateway's business; user and tenant are checked by `caller`.
                options={"require": ["exp", "iss"], "verify_aud": False, "verify_sub": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            # Beside its own errors the library lets these through for claims of the wrong type.
            raise UnauthenticatedError(BAD_TOKEN) from None
        if claims.get("type") != "access":
            raise UnauthenticatedError(BAD_TOKEN)
        return claims


def _name(claim: object) -> str:
    """A user or tenant id as the tables can hold it."""
    if not isinstance(claim, str) or not claim or len(claim) > MAX_NAME or "\x00" in claim:
        raise UnauthenticatedError(BAD_TOKEN)
    return claim
