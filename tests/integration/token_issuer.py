"""An issuer of tokens for tests: publishes keys and metadata, signs, answers about tokens, and can be broken."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from portico.testing import Link, Message, Script
from tests.unit.identity.signing import private_key, sign

_TO_JWK = {"R": RSAAlgorithm, "P": RSAAlgorithm}


def public_jwk(algorithm: str, **members: Any) -> dict[str, Any]:
    """The public half of the tests' key for an algorithm."""
    kind: Any = OKPAlgorithm if algorithm == "EdDSA" else _TO_JWK.get(algorithm[0], ECAlgorithm)
    made: dict[str, Any] = kind.to_jwk(private_key(algorithm).public_key(), as_dict=True)
    return {**{name: value for name, value in made.items() if name != "key_ops"}, **members}


class Issuer:
    """`keys` are the JWKs that it publishes. `asked` counts requests by target. `url` is set by who starts it."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys) or [public_jwk("RS256", kid="k1")]
        self.url = ""
        self.name: str | None = None  # how its metadata spells it, when not by its URL
        self.jwks_uri: str | None = None
        self.asked: Counter[str] = Counter()
        self.requests: list[Message] = []
        self.status = 200
        self.document: bytes | None = None  # what it answers instead of its keys
        self.fields = b""
        self.said: dict[str, dict[str, Any]] = {}  # token → what introspection says of it
        self.says: dict[str, Any] = {"active": False}  # of any other
        self.key_sets = -1  # how many it gives before it fails; any number if negative
        self.delay_s = 0.0
        self.open = asyncio.Event()
        self.open.set()

    def token(self, algorithm: str = "RS256", kid: str | None = "k1", **claims: Any) -> str:
        """A token of this issuer's; None leaves a claim out."""
        said = {"iss": self.url, "sub": "u-1", "tenant_id": "t-1", "exp": int(time.time()) + 60, **claims}
        head = {} if kid is None else {"kid": kid}
        return sign(
            {name: value for name, value in said.items() if value is not None}, algorithm, **head
        ).decode()

    @property
    def script(self) -> Script:
        """What its upstream plays."""

        async def play(link: Link) -> None:
            while True:
                request = await link.request()
                target = request.target.decode()
                self.asked[target] += 1
                self.requests.append(request)
                await self.open.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                body = self._body(target, request)
                status = self.status if body is not None else 404
                body = body or b"{}"
                link.send(
                    b"HTTP/1.1 %d Said\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                    % (status, self.fields, len(body), body)
                )

        return play

    def _body(self, target: str, request: Message) -> bytes | None:
        if target.partition("?")[0] == "/jwks":
            if self.key_sets == 0:
                return None
            self.key_sets -= 1
            return json.dumps({"keys": self.keys}).encode() if self.document is None else self.document
        if target == "/.well-known/openid-configuration":
            url = self.url or f"http://{(request.get(b'host') or b'').decode()}"
            said = {"issuer": self.name or url, "jwks_uri": self.jwks_uri or f"{url}/jwks"}
            return json.dumps(said).encode()
        if target == "/introspect":
            if self.document is not None:
                return self.document
            (token,) = parse_qs(request.body.decode())["token"]
            return json.dumps(self.said.get(token, self.says)).encode()
        return None
