"""The token that every peer gets with every request: HS256, one secret, one role. Good for a day."""

from __future__ import annotations

import time

import jwt

SECRET = "a-secret-for-benchmarks-only-0123456789"
ISSUER = "bench"
ROLE = "agent"


def make_token(role: str = ROLE) -> str:
    """A token that the configurations of all peers accept; with another role, one that must not do anything."""
    now = int(time.time())
    claims = {"sub": "u1", "tenant_id": "t1", "role": role, "type": "access", "iss": ISSUER}
    return jwt.encode({**claims, "iat": now, "exp": now + 86_400}, SECRET, "HS256")
