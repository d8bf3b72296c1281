"""A small OpenID provider that lies as a test tells it to. Without being told it is honest: it checks PKCE, gives each
code once, and signs for who asked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from portico.testing import Link, Message
from tests.integration.token_issuer import public_jwk
from tests.unit.identity.signing import sign

CLIENT = "shop"


class LyingProvider:
    """`claims` changes what its tokens say, None leaves a claim out; `header`, `algorithm` and `key` how they are
    signed; `token` is what it gives in place of an ID token. `url` is set by who starts it."""

    def __init__(self) -> None:
        self.url = ""
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.key: Any = None
        self.token: str | None = None
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {"sub": "ada"}
        self.statuses: dict[str, int] = {}  # path → what it answers with
        self.checks_pkce = True
        self.gives_codes_once = True
        self.access_token = "an access token"
        self.delay_s = 0.0
        self.asked: list[Message] = []
        self._codes: dict[str, dict[str, str]] = {}

    def authorize(self, location: str, **more: str) -> str:
        """Where a browser that was sent to `location` comes back: signed in, with `more` or other parameters."""
        asked = {name: value for name, (value,) in parse_qs(urlsplit(location).query).items()}
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        told = {"code": code, "state": asked["state"], **more}
        return f"{asked['redirect_uri']}?{urlencode({name: value for name, value in told.items() if value})}"

    def id_token(self, nonce: str | None = None) -> str:
        """What it would give now."""
        now = int(time.time())
        said = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "ada",
            "tenant_id": "t-1",
            "role": "agent",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        return sign(said, self.algorithm, self.key, **{"kid": "k1", **self.header}).decode()

    def paths(self) -> list[str]:
        """What it was asked for."""
        return [request.target.decode().partition("?")[0] for request in self.asked]

    async def __call__(self, link: Link) -> None:
        """What its upstream plays."""
        while True:
            request = await link.request()
            self.asked.append(request)
            path = request.target.decode().partition("?")[0]
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            status, said = self._answer(path, request)
            body = json.dumps(said).encode()
            link.send(
                b"HTTP/1.1 %d Said\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (self.statuses.get(path, status), len(body), body)
            )

    def _answer(self, path: str, request: Message) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            places = {
                f"{name}_endpoint": f"{self.url}/{name}"
                for name in ("authorization", "token", "userinfo", "end_session")
            }
            return 200, {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **places, **self.metadata}
        if path == "/jwks":
            return 200, {"keys": [public_jwk("RS256", kid="k1"), public_jwk("ES256", kid="k2")]}
        if path == "/userinfo":
            return 200, self.userinfo
        if path == "/token":
            return self._token({name: value for name, (value,) in parse_qs(request.body.decode()).items()})
        return 404, {}

    def _token(self, form: dict[str, str]) -> tuple[int, Any]:
        asked = self._codes.get(form["code"])
        if self.gives_codes_once:
            self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or (self.checks_pkce and asked["code_challenge"] != challenge):
            return 400, {"error": "invalid_grant"}
        token = self.id_token(asked["nonce"]) if self.token is None else self.token
        return 200, {"access_token": self.access_token, "token_type": "Bearer", "id_token": token}
