"""Replays against a gateway with two workers: what one has seen the other has seen, too."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from itertools import count
from pathlib import Path
from time import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from portico.identity.jwk import thumbprint
from portico.testing import Client, Message, Upstream
from portico.testing.running import running
from portico.testing.upstream import echo

SECRET = "a-secret-that-a-partner-shares-with-the-gateway"
CONFIGURATION = f"""\
version: 1
gateway:
  listen: ["127.0.0.1:${{PORT}}"]
  workers: 2
  store: {{timeout: 30s}}
  shutdown: {{grace: 5s}}
logs: {{access: "off"}}
identity:
  partners: {{hmac: {{keys: {{shop: {{secret: {SECRET}}}}}}}}}
  owners: {{jwt: {{secret: {SECRET}, dpop: {{mode: required, nonce: true}}}}}}
services:
  up: {{url: "<up>"}}
routes:
  - {{match: /signed, service: up, authenticate: partners}}
  - {{match: /owned, service: up, authenticate: owners}}
"""
CONNECTIONS = 16  # the kernel spreads them over both workers
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = json.loads(ECAlgorithm.to_jwk(KEY.public_key()))
_numbers = count()


async def ask(port: int, target: str, fields: str) -> Message:
    async with await Client.connect(port) as client:
        client.send(f"GET {target} HTTP/1.1\r\nhost: shop.test\r\n{fields}\r\n".encode())
        return await client.final_reply()


async def statuses(port: int, target: str, each: list[str]) -> Counter[int]:
    replies = await asyncio.gather(*(ask(port, target, fields) for fields in each))
    return Counter(reply.status for reply in replies)


def signed() -> str:
    stated, nonce = str(int(time())), f"nonce-{next(_numbers):06}"
    text = "\n".join(
        ("portico-hmac-sha256", "shop", stated, nonce, "GET", "/signed", hashlib.sha256(b"").hexdigest())
    )
    mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"x-signature: key=shop,time={stated},nonce={nonce},signature={mac}\r\n"


def owned(nonce: str | None) -> str:
    token = jwt.encode({"sub": "ada", "exp": 4102444800, "cnf": {"jkt": thumbprint(JWK)}}, SECRET, "HS256")
    claims = {
        "jti": f"proof-{next(_numbers)}",
        "htm": "GET",
        "htu": "http://shop.test/owned",
        "iat": int(time()),
        "ath": base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode(),
        **({} if nonce is None else {"nonce": nonce}),
    }
    proof = jwt.encode(claims, KEY, "ES256", {"typ": "dpop+jwt", "jwk": JWK})
    return f"authorization: DPoP {token}\r\ndpop: {proof}\r\n"


async def test_workers_share_what_was_used_and_the_nonces_that_they_give(tmp_path: Path) -> None:
    async with Upstream(echo) as up:
        with running(CONFIGURATION.replace("<up>", up.url), tmp_path) as gateway:
            port = gateway.port
            assert await statuses(port, "/signed", [signed()] * CONNECTIONS) == {200: 1, 401: CONNECTIONS - 1}
            assert await statuses(port, "/signed", [signed() for _ in range(CONNECTIONS)]) == {
                200: CONNECTIONS
            }
            told = await ask(port, "/owned", owned(None))
            nonce = (told.get(b"dpop-nonce") or b"").decode()
            assert (told.status, bool(nonce)) == (401, True)
            assert await statuses(port, "/owned", [owned(nonce)] * CONNECTIONS) == {
                200: 1,
                401: CONNECTIONS - 1,
            }
            each = [owned(nonce) for _ in range(CONNECTIONS)]
            assert await statuses(port, "/owned", each) == {200: CONNECTIONS}
