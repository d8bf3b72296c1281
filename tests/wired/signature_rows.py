"""Rows of signed requests: `identity.*.hmac`, `identity.*.signature`, and what the gateway signs for a service."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from itertools import count
from time import time

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from portico.http.signature_algorithms import sign, verifies
from portico.http.signature_base import Coverage, Message
from portico.http.structured import dictionary
from tests.wired.rows import REFUSED, UNSET, Probe, Row
from tests.wired.site import Site

SECRET = "the-first-secret-of-the-signed-rows-which-is-long-enough"
OTHER = "the-other-secret-of-the-signed-rows-which-is-long-enough"
KEY, OTHER_KEY = (ed25519.Ed25519PrivateKey.generate() for _ in range(2))
MEASURE = 64  # bytes

_numbers = count()

ROLES: Mapping[str, object] = {"roles.agent.permissions": ["tickets:*"]}
PARTNERS: Mapping[str, object] = {"routes[0].authenticate": "users"}
HMAC: Mapping[str, object] = {**PARTNERS, "identity.users.hmac.keys": {"ours": {"secret": SECRET}}}
SIGNATURE: Mapping[str, object] = {**PARTNERS, "identity.users.signature.keys": {"ours": {"secret": SECRET}}}


def public(key: ed25519.Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private(key: ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def by_hmac(key: str = "ours", age_s: int = 0, body: bytes = b"") -> str:
    """The field's value for `POST /`."""
    stated, nonce = str(int(time()) - age_s), f"nonce-{next(_numbers):08}"
    digest = hashlib.sha256(body).hexdigest()
    text = "\n".join(("portico-hmac-sha256", key, stated, nonce, "POST", "/", digest))
    mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"key={key},time={stated},nonce={nonce},signature={mac}"


def message(components: str, more: str = "", *, age_s: int = 0, by_key: bool = False) -> Mapping[str, str]:
    """The fields that sign `POST /` as an HTTP message."""
    told = f'sig=({components});created={int(time()) - age_s}{more};keyid="ours"'
    (member,) = dictionary([told.encode()]).values()
    asked = Message.of_request(b"POST", b"/", b"http", b"gateway.test", [])
    base = Coverage.read(member).base(asked)
    made = sign("ed25519", KEY, base) if by_key else sign("hmac-sha256", SECRET.encode(), base)
    return {"signature-input": told, "signature": f"sig=:{base64.b64encode(made).decode()}:"}


def hmac_status(key: str = "ours", age_s: int = 0, header: str = "x-signature", body: bytes = b"") -> Probe:
    async def probe(site: Site) -> object:
        signed = {header: by_hmac(key, age_s, body)}
        return (await site.ask("/", signed, method="POST", body=body)).status

    return probe


def hmac_told(name: str) -> Probe:
    async def probe(site: Site) -> object:
        reply = await site.ask("/", {"x-signature": by_hmac()}, method="POST")
        assert reply.status == 200
        value = site.backend.requests()[-1].get(name.encode())
        return None if value is None else value.decode()

    return probe


WHOLE = '"@method" "@target-uri"'


def signature_status(
    components: str = WHOLE, more: str = "", *, age_s: int = 0, by_key: bool = False, body: bytes = b""
) -> Probe:
    async def probe(site: Site) -> object:
        fields = message(components, more, age_s=age_s, by_key=by_key)
        return (await site.ask("/", fields, method="POST", body=body)).status

    return probe


def signature_told(name: str) -> Probe:
    async def probe(site: Site) -> object:
        reply = await site.ask("/", message(WHOLE), method="POST")
        assert reply.status == 200
        value = site.backend.requests()[-1].get(name.encode())
        return None if value is None else value.decode()

    return probe


def of_key(
    kind: str,
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object],
) -> Row:
    """A row about one key of a block."""
    at = f"identity.users.{kind}.keys.ours.{key}"
    return Row(f"identity.*.{kind}.keys.*.{key}", values, seen, probe, given, at)


GIVEN: Mapping[str, object] = {"services.backend.sign.secret": SECRET}


def signing(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object],
) -> Row:
    """A row about what the gateway signs."""
    keyid = {} if key == "keyid" else {"services.backend.sign.keyid": "gateway"}
    files = {"first.pem": private(KEY), "other.pem": private(OTHER_KEY)}
    return Row(f"services.*.sign.{key}", values, seen, probe, {**keyid, **given}, files=files)


async def told(site: Site) -> tuple[str, Coverage, bytes]:
    """The label, the coverage and the signature that the service got."""
    assert (await site.ask("/")).status == 200
    got = site.backend.requests()[-1]
    ((label, member),) = dictionary([got.get(b"signature-input") or b""]).items()
    signature = dictionary([got.get(b"signature") or b""])[label][0]
    return label, Coverage.read(member), signature


async def signed_by(site: Site) -> object:
    _, coverage, signature = await told(site)
    got = site.backend.requests()[-1]
    authority = got.get(b"host") or b""
    base = coverage.base(Message.of_request(b"GET", b"/", b"http", authority, got.fields))
    keys = {
        "signed by the first": ("hmac-sha256", SECRET.encode()),
        "signed by the other": ("hmac-sha256", OTHER.encode()),
        "signed by the first key": ("ed25519", KEY.public_key()),
        "signed by the other key": ("ed25519", OTHER_KEY.public_key()),
    }
    return next(who for who, (algorithm, key) in keys.items() if verifies(algorithm, key, base, signature))


def signed_with(what: str) -> Probe:
    async def probe(site: Site) -> object:
        label, coverage, _ = await told(site)
        if what == "label":
            return label
        if what.startswith("@"):
            return what in coverage.plain
        value = coverage.parameters.get(what)
        return value - coverage.parameters["created"] if what == "expires" and value is not None else value

    return probe


ROWS = (
    of_key("hmac", "secret", ([OTHER, SECRET], OTHER), (200, 401), hmac_status(), PARTNERS),
    of_key("hmac", "subject", (UNSET, "shop"), ("ours", "shop"), hmac_told("x-user-id"), HMAC),
    of_key("hmac", "tenant", (UNSET, "shop"), (None, "shop"), hmac_told("x-tenant-id"), HMAC),
    of_key("hmac", "roles", (UNSET, ["agent"]), (None, "agent"), hmac_told("x-user-role"), {**HMAC, **ROLES}),
    Row("identity.*.hmac.header", (UNSET, "x-mac"), (401, 200), hmac_status(header="x-mac"), HMAC),
    Row("identity.*.hmac.window", ("10m", "10s"), (200, 401), hmac_status(age_s=200), HMAC),
    Row("identity.*.hmac.body", (MEASURE, MEASURE - 1), (200, 413), hmac_status(body=b"x" * MEASURE), HMAC),
    of_key("signature", "secret", ([OTHER, SECRET], OTHER), (200, 401), signature_status(), PARTNERS),
    of_key(
        "signature",
        "public_key",
        (public(KEY), public(OTHER_KEY)),
        (200, 401),
        signature_status(by_key=True),
        PARTNERS,
    ),
    of_key(
        "signature", "algorithm", ("hmac-sha256", "ed25519"), (200, REFUSED), signature_status(), SIGNATURE
    ),
    of_key("signature", "subject", (UNSET, "shop"), ("ours", "shop"), signature_told("x-user-id"), SIGNATURE),
    of_key("signature", "tenant", (UNSET, "shop"), (None, "shop"), signature_told("x-tenant-id"), SIGNATURE),
    of_key(
        "signature",
        "roles",
        (UNSET, ["agent"]),
        (None, "agent"),
        signature_told("x-user-role"),
        {**SIGNATURE, **ROLES},
    ),
    Row(
        "identity.*.signature.components",
        (UNSET, ["@method", "@path"]),
        (401, 200),
        signature_status('"@method" "@path"'),
        SIGNATURE,
    ),
    Row(
        "identity.*.signature.tag",
        ("app", "other"),
        (200, 401),
        signature_status(more=';tag="app"'),
        SIGNATURE,
    ),
    Row("identity.*.signature.nonce", (False, True), (200, 401), signature_status(), SIGNATURE),
    Row("identity.*.signature.window", ("10m", "10s"), (200, 401), signature_status(age_s=200), SIGNATURE),
    Row(
        "identity.*.signature.body",
        (MEASURE, MEASURE - 1),
        (401, 413),
        signature_status(body=b"x" * MEASURE),
        SIGNATURE,
    ),
    signing("secret", (SECRET, OTHER), ("signed by the first", "signed by the other"), signed_by, {}),
    signing(
        "key",
        ("<folder>/first.pem", "<folder>/other.pem"),
        ("signed by the first key", "signed by the other key"),
        signed_by,
        {},
    ),
    signing("algorithm", ("hmac-sha256", "ed25519"), ("hmac-sha256", REFUSED), signed_with("alg"), GIVEN),
    signing("keyid", ("one", "two"), ("one", "two"), signed_with("keyid"), GIVEN),
    signing("tag", (UNSET, "shop"), (None, "shop"), signed_with("tag"), GIVEN),
    signing("label", (UNSET, "gw"), ("portico", "gw"), signed_with("label"), GIVEN),
    signing("expires", ("5m", "off"), (300, None), signed_with("expires"), GIVEN),
    signing("components", (UNSET, ["@path"]), (True, False), signed_with("@method"), GIVEN),
)
