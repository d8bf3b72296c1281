"""Attacks on signed requests and on bound tokens, each beside the request that is let in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from pathlib import Path
from time import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from portico.exchange.marks import tenant_mark
from portico.http.digest import content_digest
from portico.http.signature_algorithms import sign
from portico.http.signature_base import Coverage, Message
from portico.http.structured import dictionary
from portico.identity.jwk import thumbprint
from portico.testing import Client, RunningGateway, Upstream, gateway
from tests.integration.secure import OURS, Files, request

SHOP = OURS.issue(["shop.test"])
ROBOT = OURS.issue(["robot.test"], cn="robot")
OTHER_ROBOT = OURS.issue(["robot.test"], key_name="other", cn="robot")
SECRET = "a-secret-of-a-partner-who-signs-requests"
USERS = "a-secret-that-signs-the-tokens-of-users"
MACHINE = ed25519.Ed25519PrivateKey.generate()
PUBLIC = MACHINE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
OWNER, THIEF = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
BODY = b'{"amount": 7}'
CONFIGURATION = f"""\
version: 1
logs: {{access: off}}
gateway:
  listen:
    - ":3000"
    - {{port: 3443, tls: {{cert: shop.pem, key: shop.key, client: {{ca: ours.pem, verify: optional}}}}}}
identity:
  partners: {{hmac: {{keys: {{shop-7: {{secret: {SECRET}, tenant: t-7}}, rival: {{secret: "{SECRET[::-1]}"}}}}}}}}
  machines:
    signature: {{keys: {{robot: {{public_key: machine.pem, tenant: t-7}}, rival: {{secret: {SECRET}}}}}}}
  owners: {{jwt: {{secret: {USERS}, dpop: required}}}}
  holders: {{jwt: {{secret: {USERS}}}}}
services: {{backend: {{url: "<url>"}}}}
routes:
  - {{match: /hmac/**, service: backend, authenticate: partners}}
  - {{match: /signed/**, service: backend, authenticate: machines}}
  - {{match: /owners/**, service: backend, authenticate: owners}}
  - {{match: /holders/**, service: backend, authenticate: holders}}
"""
Fields = Mapping[str, str]
_numbers = count()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as service:
        yield service


@pytest.fixture
async def running(upstream: Upstream, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    files = Files(tmp_path)
    files.add("shop", SHOP)
    texts = files.texts | {"machine.pem": PUBLIC.decode()}
    async with gateway(CONFIGURATION.replace("<url>", upstream.url), files=texts) as found:
        yield found


async def status(
    running: RunningGateway, fields: Fields, target: str, method: str = "POST", body: bytes = BODY
) -> int:
    """The status of one request."""
    async with await Client.connect(running.port) as client:
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = f"{method} {target} HTTP/1.1\r\nhost: shop.test\r\n{lines}content-length: {len(body)}\r\n\r\n"
        client.send(head.encode() + body)
        return (await client.final_reply(method.encode())).status


# -- HMAC

HMAC_TARGET = "/hmac/orders?x=1"


def by_hmac(key: str = "shop-7", secret: str = SECRET, age_s: int = 0) -> Fields:
    stated, nonce = str(int(time()) - age_s), f"nonce-{next(_numbers):06}"
    digest = hashlib.sha256(BODY).hexdigest()
    text = "\n".join(("portico-hmac-sha256", key, stated, nonce, "POST", HMAC_TARGET, digest))
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"x-signature": f"key={key},time={stated},nonce={nonce},signature={mac}"}


# -- RFC 9421

SIGNED_TARGET = "/signed/orders?x=1"


def as_message(
    keyid: str = "robot",
    algorithm: str = "ed25519",
    key: Any = MACHINE,
    age_s: int = 0,
    components: str = '"@method" "@target-uri" "content-digest"',
    more: str = "",
) -> Fields:
    digest = content_digest(BODY)
    told = f'sig=({components});created={int(time()) - age_s};nonce="{next(_numbers)}"{more};keyid="{keyid}"'
    (member,) = dictionary([told.encode()]).values()
    fields = [(b"content-digest", digest)]
    asked = Message.of_request(b"POST", SIGNED_TARGET.encode(), b"http", b"shop.test", fields)
    signature = base64.b64encode(sign(algorithm, key, Coverage.read(member).base(asked))).decode()
    return {"content-digest": digest.decode(), "signature-input": told, "signature": f"sig=:{signature}:"}


Made = Callable[..., Fields]
BOTH = pytest.mark.parametrize(
    ("made", "target"), [(by_hmac, HMAC_TARGET), (as_message, SIGNED_TARGET)], ids=["hmac", "rfc9421"]
)


@BOTH
async def test_a_replayed_signature(
    running: RunningGateway, upstream: Upstream, made: Made, target: str
) -> None:
    fields = made()
    assert [await status(running, fields, target) for _ in range(3)] == [200, 401, 401]
    assert await status(running, made(), target) == 200
    assert len(upstream.requests()) == 2


@BOTH
async def test_a_replay_after_a_reload(
    running: RunningGateway, upstream: Upstream, made: Made, target: str, tmp_path: Path
) -> None:
    fields = made()
    assert await status(running, fields, target) == 200
    files = Files(tmp_path)
    files.add("shop", SHOP)
    texts = files.texts | {"machine.pem": PUBLIC.decode()}
    await running.reload(CONFIGURATION.replace("<url>", upstream.url) + "  # anew\n", files=texts)
    assert await status(running, fields, target) == 401


@BOTH
async def test_a_tampered_body(running: RunningGateway, made: Made, target: str) -> None:
    fields = made()
    assert await status(running, fields, target, body=b'{"amount": 70}') == 401
    assert await status(running, fields, target, body=b"") == 401
    assert await status(running, fields, target) == 200  # the attempt has not spent it


@BOTH
async def test_a_tampered_target_or_method(running: RunningGateway, made: Made, target: str) -> None:
    fields = made()
    for other in (target + "&x=2", target.partition("?")[0], target.replace("orders", "Orders")):
        assert await status(running, fields, other) == 401
    assert await status(running, fields, target.replace("orders", "%6frders")) == 401
    assert await status(running, fields, target, "PUT") == 401
    assert await status(running, fields, target) == 200


@BOTH
@pytest.mark.parametrize("age_s", [400, -400], ids=["old", "future"])
async def test_a_time_far_from_now(running: RunningGateway, made: Made, target: str, age_s: int) -> None:
    assert await status(running, made(age_s=age_s), target) == 401
    assert await status(running, made(age_s=age_s // 2), target) == 200


async def test_an_unknown_or_another_key(running: RunningGateway) -> None:
    assert await status(running, by_hmac("nobody"), HMAC_TARGET) == 401
    assert await status(running, by_hmac("rival"), HMAC_TARGET) == 401  # with the other's secret
    assert await status(running, as_message("nobody"), SIGNED_TARGET) == 401
    assert await status(running, as_message("rival"), SIGNED_TARGET) == 401


@pytest.mark.parametrize("more", ["", ';alg="hmac-sha256"', ';alg="none"', ';alg="ed25519"'])
async def test_a_public_key_as_a_secret(running: RunningGateway, more: str) -> None:
    for secret in (PUBLIC, PUBLIC.strip(), MACHINE.public_key().public_bytes_raw()):
        assert (
            await status(running, as_message("robot", "hmac-sha256", secret, more=more), SIGNED_TARGET) == 401
        )
    if "ed25519" in more:
        assert await status(running, as_message(more=more), SIGNED_TARGET) == 200


async def test_a_signature_that_leaves_out_what_matters(running: RunningGateway) -> None:
    for components in (
        '"@method" "@target-uri"',
        '"@method" "content-digest"',
        '"@target-uri" "content-digest"',
        "",
    ):
        assert await status(running, as_message(components=components), SIGNED_TARGET) == 401
    assert await status(running, as_message(), SIGNED_TARGET) == 200


async def test_a_signature_beside_another(running: RunningGateway) -> None:
    ours, theirs = as_message(), as_message("rival", "hmac-sha256", SECRET.encode())
    both = {
        name: f"{ours[name]}, {theirs[name].replace('sig=', 'two=', 1)}"
        for name in ("signature-input", "signature")
    }
    assert await status(running, {**ours, **both}, SIGNED_TARGET) == 401
    assert await status(running, ours, SIGNED_TARGET) == 200


@BOTH
async def test_a_partner_whose_tenant_is_revoked(running: RunningGateway, made: Made, target: str) -> None:
    assert await status(running, made(), target) == 200
    await running.gateway.store.revoke(tenant_mark("t-7"), time() + 60)
    assert await status(running, made(), target) == 401


# -- bound tokens


def token(**confirmation: str) -> str:
    return jwt.encode({"sub": "ada", "exp": int(time()) + 300, "cnf": confirmation}, USERS, "HS256")


def jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return public


def by_dpop(
    bound: str,
    key: ec.EllipticCurvePrivateKey = OWNER,
    scheme: str = "DPoP",
    header: Mapping[str, Any] | None = None,
    algorithm: str = "ES256",
    signing: Any = None,
    **claims: Any,
) -> Fields:
    said = {
        "jti": f"proof-{next(_numbers)}",
        "htm": "GET",
        "htu": "http://shop.test/owners/orders",
        "iat": int(time()),
        "ath": base64.urlsafe_b64encode(hashlib.sha256(bound.encode()).digest()).rstrip(b"=").decode(),
        **claims,
    }
    head = {"typ": "dpop+jwt", "jwk": jwk(key), **(header or {})}
    return {
        "authorization": f"{scheme} {bound}",
        "dpop": jwt.encode(said, key if signing is None else signing, algorithm, head),
    }


async def owned(running: RunningGateway, fields: Fields, target: str = "/owners/orders") -> int:
    return await status(running, fields, target, "GET", b"")


async def test_dpop_proofs_that_are_stolen(running: RunningGateway, upstream: Upstream) -> None:
    bound = token(jkt=thumbprint(jwk(OWNER)))
    good = by_dpop(bound)
    assert [await owned(running, good) for _ in range(2)] == [200, 401]
    fresh = by_dpop(bound)
    assert await owned(running, fresh, "/owners/others") == 401
    assert await status(running, fresh, "/owners/orders", "DELETE", b"") == 401
    assert (
        await owned(running, {**fresh, "authorization": f"DPoP {token(jkt=thumbprint(jwk(OWNER)), kid='2')}"})
        == 401
    )
    assert await owned(running, fresh, "/owners/orders?query=any") == 200
    assert len(upstream.requests()) == 2


@pytest.mark.parametrize(
    "forged",
    [
        {"key": THIEF},
        {"key": THIEF, "header": {"jwk": jwk(OWNER)}},
        {"htu": "http://other.test/owners/orders"},
        {"htu": "https://shop.test/owners/orders"},
        {"htm": "POST"},
        {"iat": int(time()) - 86_400},
        {"iat": int(time()) + 86_400},
        {"ath": "x"},
        {"jti": ""},
        {"header": {"typ": "JWT"}},
        {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
        {"algorithm": "HS256", "signing": "the thief's own secret, which is long enough"},
        {"algorithm": "none", "signing": ""},
        {"scheme": "Bearer"},
    ],
    ids=range(14),
)
async def test_dpop_proofs_that_are_forged(running: RunningGateway, forged: Mapping[str, Any]) -> None:
    bound = token(jkt=thumbprint(jwk(OWNER)))
    assert await owned(running, by_dpop(bound, **forged)) == 401
    assert await owned(running, by_dpop(bound)) == 200


async def test_a_bound_token_is_no_bearer_token_anywhere(running: RunningGateway) -> None:
    bound = token(jkt=thumbprint(jwk(OWNER)))
    for fields in (by_dpop(bound), by_dpop(bound, scheme="Bearer"), {"authorization": f"Bearer {bound}"}):
        assert await owned(running, fields, "/holders/orders") == 401
    free = jwt.encode({"sub": "ada", "exp": int(time()) + 300}, USERS, "HS256")
    assert await owned(running, {"authorization": f"Bearer {free}"}, "/holders/orders") == 200
    assert await owned(running, {"authorization": f"Bearer {free}"}) == 401
    assert await owned(running, by_dpop(free)) == 401


async def test_a_token_that_is_bound_to_a_certificate(running: RunningGateway, tmp_path: Path) -> None:
    mark = base64.urlsafe_b64encode(hashlib.sha256(ROBOT.der).digest()).rstrip(b"=").decode()
    more = f"authorization: Bearer {token(**{'x5t#S256': mark})}\r\n"

    async def over(tls: ssl.SSLContext | None) -> int:
        async with await Client.connect(
            running.ports[0 if tls is None else 1], tls=tls, name="shop.test"
        ) as client:
            client.send(request("/holders/orders", more=more + "client-cert: :AAAA:\r\n"))
            return (await client.final_reply()).status

    assert await over(OURS.context(shows=ROBOT, folder=tmp_path)) == 200
    assert await over(OURS.context(shows=OTHER_ROBOT, folder=tmp_path)) == 401
    assert await over(OURS.context(folder=tmp_path)) == 401
    assert await over(None) == 401
