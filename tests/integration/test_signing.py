"""Signatures towards services, verified by another implementation of RFC 9421 from what the service got."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from portico.config import ConfigurationError
from portico.testing import Client, Message, RunningGateway, Upstream, gateway, until

SECRET = "a-secret-that-the-gateway-shares-with-a-service"
USERS = "a-secret-for-those-who-ask-the-gateway-for-something"
TOKEN = jwt.encode({"sub": "ada", "tenant_id": "t-1", "role": "agent", "exp": 4102444800}, USERS, "HS256")
KEYS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
CONFIGURATION = f"""\
version: 1
logs: {{access: off}}
identity: {{users: {{jwt: {{secret: {USERS}}}}}}}
roles: {{agent: {{permissions: ["*"]}}}}
services:
  backend: {{url: "<url>", sign: {{keyid: gateway-1, <sign>}}}}
routes:
  - {{match: /open/**, service: backend, authenticate: none}}
  - {{match: /**, service: backend, authenticate: users}}
"""
FILES = {
    f"{name}.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, key in KEYS.items()
}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as service:
        yield service


class Resolver(HTTPSignatureKeyResolver):
    """Knows one key."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def resolve_public_key(self, key_id: str) -> Any:
        assert key_id == "gateway-1"
        return self.key


def configuration(upstream: Upstream, sign: str) -> str:
    return CONFIGURATION.replace("<url>", upstream.url).replace("<sign>", sign)


async def sent(
    running: RunningGateway,
    upstream: Upstream,
    target: str = "/orders?x=1",
    method: str = "POST",
    body: bytes = b'{"hello": "world"}',
    fields: str = "",
) -> Message:
    """What the service got of a request with a token."""
    async with await Client.connect(running.port) as client:
        head = f"{method} {target} HTTP/1.1\r\nhost: shop.test\r\nauthorization: Bearer {TOKEN}\r\n{fields}"
        client.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        assert (await client.final_reply(method.encode())).status == 200
    return upstream.requests()[-1]


def verified(got: Message, algorithm: Any, key: Any, *, body: bytes | None = None, **more: Any) -> Any:
    """The components that another implementation finds signed, with their values. Raises when it finds none."""
    fields = {name.decode(): b", ".join(got.all(name)).decode("latin-1") for name, _ in got.fields}
    url = f"http://{fields['host']}{got.target.decode()}"
    message = SimpleNamespace(method=got.method.decode(), url=url, headers=fields)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Resolver(key))
    (result,) = verifier.verify(message, max_age=timedelta(minutes=5), body=body, **more)
    return {name.strip('"'): value for name, value in result.covered_components.items()}


def public(key: Any) -> Any:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("sign", "algorithm", "key"),
    [
        ("key: ed25519.pem", algorithms.ED25519, public(KEYS["ed25519"])),
        ("key: p256.pem", algorithms.ECDSA_P256_SHA256, public(KEYS["p256"])),
        ("key: p384.pem", algorithms.ECDSA_P384_SHA384, public(KEYS["p384"])),
        ("key: rsa.pem", algorithms.RSA_PSS_SHA512, public(KEYS["rsa"])),
        ("key: rsa.pem, algorithm: rsa-v1_5-sha256", algorithms.RSA_V1_5_SHA256, public(KEYS["rsa"])),
        (f"secret: {SECRET}", algorithms.HMAC_SHA256, SECRET.encode()),
    ],
    ids=["ed25519", "p256", "p384", "rsa-pss", "rsa", "hmac"],
)
async def test_another_implementation_verifies_it(
    upstream: Upstream, sign: str, algorithm: Any, key: Any
) -> None:
    async with gateway(configuration(upstream, sign), files=FILES) as running:
        got = await sent(running, upstream)
    covered = verified(got, algorithm, key, body=got.body)
    assert covered["@method"] == "POST"
    assert covered["@target-uri"] == f"{upstream.url}/orders?x=1"
    assert (covered["x-user-id"], covered["x-user-role"]) == ("ada", "agent")
    assert (covered["x-tenant-id"], covered["x-tenant-source"]) == ("t-1", "jwt")
    assert "content-digest" in covered
    for name, new in ((b"x-user-id", b"eve"), (b"x-tenant-id", b"t-2")):
        changed = tuple((field, new if field == name else value) for field, value in got.fields)
        with pytest.raises(HTTPMessageSignaturesException):
            verified(Message(got.start, changed, got.body), algorithm, key, body=got.body)
    with pytest.raises(HTTPMessageSignaturesException):
        verified(got, algorithm, key, body=got.body + b" ")


async def test_what_is_signed_can_be_chosen(upstream: Upstream) -> None:
    sign = f'secret: {SECRET}, components: ["@authority", "@path", "x-order"], label: gw, tag: shop, expires: off'
    async with gateway(configuration(upstream, sign), files=FILES) as running:
        got = await sent(running, upstream, fields="x-order: 7\r\n")
        bare = await sent(running, upstream, "/open/", "GET", b"")
    told = (got.get(b"signature-input") or b"").decode()
    assert told.startswith('gw=("@authority" "@path" "x-order");created=')
    assert "expires" not in told
    covered = verified(got, algorithms.HMAC_SHA256, SECRET.encode(), expect_tag="shop")
    assert (covered["@path"], covered["x-order"]) == ("/orders", "7")
    assert (bare.get(b"signature-input") or b"").startswith(
        b'gw=("@authority" "@path");'
    )  # what is not there


async def test_what_a_client_has_signed_ends_at_the_gateway(upstream: Upstream) -> None:
    fields = "signature-input: portico=();created=1\r\nsignature: portico=:AAAA:\r\ncontent-digest: sha-256=:AAAA:\r\n"
    async with gateway(configuration(upstream, f"secret: {SECRET}"), files=FILES) as running:
        got = await sent(running, upstream, fields=fields)
    assert (
        len(got.all(b"signature")) == len(got.all(b"signature-input")) == len(got.all(b"content-digest")) == 1
    )
    assert verified(got, algorithms.HMAC_SHA256, SECRET.encode(), body=got.body)


@pytest.mark.parametrize("theirs", ["", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"])
async def test_a_body_that_is_still_coming_has_no_digest_of_ours(upstream: Upstream, theirs: str) -> None:
    fields = f"content-digest: {theirs}\r\n" if theirs else ""
    async with (
        gateway(configuration(upstream, f"secret: {SECRET}"), files=FILES) as running,
        await Client.connect(running.port) as client,
    ):
        head = f"POST /open/ HTTP/1.1\r\nhost: shop.test\r\n{fields}content-length: 18\r\n\r\n"
        client.send(head.encode() + b'{"hello"')
        await until(lambda: any(b'{"hello"' in one.received for one in upstream.links), "the head is sent")
        client.send(b': "world"}')
        assert (await client.final_reply(b"POST")).status == 200
    covered = verified(upstream.requests()[-1], algorithms.HMAC_SHA256, SECRET.encode())
    assert covered.get("content-digest", "") == theirs


async def test_bytes_outside_ascii_are_signed_as_bytes(upstream: Upstream) -> None:
    sign = f'secret: {SECRET}, components: ["@method", "x-name"]'
    async with (
        gateway(configuration(upstream, sign), files=FILES) as running,
        await Client.connect(running.port) as client,
    ):
        client.send(b"GET /open/ HTTP/1.1\r\nhost: shop.test\r\nx-name: caf\xc3\xa9\r\n\r\n")
        assert (await client.final_reply()).status == 200
    assert b'"x-name";bs' in (upstream.requests()[-1].get(b"signature-input") or b"")


async def test_every_request_has_a_signature_of_its_own(upstream: Upstream) -> None:
    async with gateway(configuration(upstream, "key: rsa.pem"), files=FILES) as running:
        first, second = await sent(running, upstream), await sent(running, upstream)
    nonces = {one.get(b"signature-input") for one in (first, second)}
    assert len(nonces) == 2


async def test_a_reload_changes_the_key_and_keeps_the_connections(upstream: Upstream) -> None:
    async with gateway(configuration(upstream, f"secret: {SECRET}"), files=FILES) as running:
        await sent(running, upstream)
        await running.reload(configuration(upstream, "key: ed25519.pem"), files=FILES)
        got = await sent(running, upstream)
        assert verified(got, algorithms.ED25519, public(KEYS["ed25519"]), body=got.body)
    assert upstream.accepted == 1


WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


@pytest.mark.parametrize(
    ("sign", "why"),
    [
        ("algorithm: ed25519", "needs one of key and secret"),
        (f"secret: {SECRET}, key: rsa.pem", "needs one of key and secret"),
        ("secret: short", "at least 32 are needed"),
        ("key: rsa.pem, algorithm: ed25519", "is no key for ed25519"),
        (f"secret: {SECRET}, algorithm: ed25519", "is no key for ed25519"),
        ("key: public.pem", "is no private key"),
        ("key: weak.pem", "1024 bits"),
        (f"secret: {SECRET}, label: Portico", "is no label"),
        (f'secret: {SECRET}, components: ["@status"]', "is no component"),
        (f"secret: {SECRET}, components: [host]", "cannot be signed"),
        (f"secret: {SECRET}, components: [x-forwarded-for]", "cannot be signed"),
    ],
)
async def test_keys_that_cannot_sign(upstream: Upstream, sign: str, why: str) -> None:
    files = FILES | {"public.pem": public(KEYS["rsa"]).decode(), "weak.pem": WEAK.decode()}
    with pytest.raises(ConfigurationError) as refused:
        async with gateway(configuration(upstream, sign), files=files):
            pass
    assert why in str(refused.value)
    assert SECRET not in json.dumps(str(refused.value))
