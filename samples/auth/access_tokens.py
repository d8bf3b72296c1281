"""Makes access tokens: JWT (RFC 7519), signed with HS256, as the gateway and every service check them."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import jwt
from sqlalchemy import Row

from samples.platform.identity import ALGORITHM


class AccessTokens:
    """Signs tokens that live `life_s` seconds."""

    def __init__(self, secret: str, issuer: str, life_s: int) -> None:
        self._secret = secret
        self._issuer = issuer
        self.life_s = life_s

    def token_for(self, account: Row[Any]) -> str:
        """An access token of the account, from now on."""
        now = int(time.time())
        claims = {
            "user_id": account.id,
            "tenant_id": account.tenant_id,
            "role": account.role,
            "email": account.email,
            "type": "access",
            "iss": self._issuer,
            "iat": now,
            "exp": now + self.life_s,
            "jti": uuid4().hex,
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)
