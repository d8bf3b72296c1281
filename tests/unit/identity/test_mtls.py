"""Which certificates prove whom."""

from __future__ import annotations

from typing import Any

import pytest

from portico.config.models.identity import IdentitySettings
from portico.exchange.certificate import ClientCertificate
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.request import Request
from portico.identity.mtls import CertificateRules, MtlsProof
from portico.identity.proofs import Proofs
from tests.certificates import Authority, Pair
from tests.unit.identity.signing import on_the_road

OURS = Authority("ours.test")
FULL = OURS.issue(
    ["robot.test", "second.test"],
    uris=["spiffe://shop/robot"],
    emails=["robot@shop.test"],
    cn="robot",
    o="shop",
    ou=["agent", "boss"],
    serial="17",
)
NOW = 0.0


def asked(pair: Pair | None) -> Exchange:
    x = on_the_road(Request())
    x.request.certificate = None if pair is None else ClientCertificate(pair.der)
    return x


def proven(pair: Pair, wall: float = NOW, **rules: Any) -> Identity | Failure | None:
    return MtlsProof("machines", CertificateRules(**rules)).prove(asked(pair), wall)


def refused(pair: Pair, wall: float = NOW, **rules: Any) -> str:
    verdict = proven(pair, wall, **rules)
    assert isinstance(verdict, Failure)
    assert (verdict.code, verdict.status) == ("AUTHENTICATION_ERROR", 401)
    assert (b"www-authenticate", b'TLS-Client-Certificate realm="machines"') in verdict.fields
    return verdict.detail.removeprefix("certificate refused by machines: ")


@pytest.mark.parametrize(
    ("fields", "subject"),
    [
        (("uri", "dns", "email", "cn"), "spiffe://shop/robot"),
        (("dns",), "robot.test"),
        (("email",), "robot@shop.test"),
        (("cn",), "robot"),
        (("serial",), "17"),
        (("o", "cn"), "shop"),
    ],
)
def test_the_subject_is_the_first_field_that_is_there(fields: tuple[str, ...], subject: str) -> None:
    identity = proven(FULL, subject=fields)
    assert isinstance(identity, Identity)
    assert identity.subject == subject
    assert (b"x-user-id", subject.encode()) in identity.fields


def test_tenant_roles_and_the_rest() -> None:
    identity = proven(FULL, tenant=("o",), role=("ou",), roles=("machine",))
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.roles) == ("shop", ("machine", "agent", "boss"))
    assert (identity.method, identity.source, identity.email) == ("machines", "service", "robot@shop.test")
    assert (b"x-tenant-source", b"service") in identity.fields
    assert identity.claims["issuer"] == "CN=ours.test"
    assert identity.claims["fingerprint"] == FULL.fingerprint.replace(":", "").lower()


def test_nothing_shown_is_no_verdict() -> None:
    assert MtlsProof("machines", CertificateRules()).prove(asked(None), NOW) is None


def test_issuers_and_fingerprints() -> None:
    own = FULL.fingerprint.replace(":", "").lower()
    assert isinstance(
        proven(FULL, issuers=frozenset({"CN=ours.test"}), fingerprints=frozenset({own})), Identity
    )
    assert refused(FULL, issuers=frozenset({"CN=theirs.test"})) == "its issuer CN=ours.test is not accepted"
    assert refused(FULL, fingerprints=frozenset({"0" * 64})) == f"its fingerprint {own} is not accepted"


def test_a_connection_does_not_outlive_its_certificate() -> None:
    proof = MtlsProof("machines", CertificateRules())
    request = asked(FULL)
    identity = proof.prove(request, NOW)
    assert isinstance(identity, Identity)
    assert identity.expires is not None
    assert proof.prove(request, identity.expires - 1) is identity
    verdict = proof.prove(request, identity.expires)
    assert isinstance(verdict, Failure)
    assert verdict.detail == "certificate refused by machines: it has expired"


@pytest.mark.parametrize(
    ("pair", "rules", "reason"),
    [
        (OURS.issue(["robot.test"], o="shop"), {"subject": ("cn",)}, "it has no cn"),
        (OURS.issue([], cn="müller"), {}, "its cn is empty or not plain ASCII"),
        (OURS.issue([], cn="robot\r\nx-user-role: admin"), {}, "its cn is empty or not plain ASCII"),
        (OURS.issue([], cn="a", ou="x,admin"), {"role": ("ou",)}, "one of its roles has a comma"),
    ],
)
def test_what_no_header_could_carry(pair: Pair, rules: dict[str, Any], reason: str) -> None:
    assert refused(pair, **rules) == reason


def test_what_cannot_be_read_is_refused() -> None:
    x = on_the_road(Request())
    x.request.certificate = ClientCertificate(b"not DER")
    verdict = MtlsProof("machines", CertificateRules()).prove(x, NOW)
    assert isinstance(verdict, Failure)
    assert verdict.detail == "certificate refused by machines: it cannot be read"


def test_a_certificate_is_read_once_for_each_proof() -> None:
    request = asked(FULL)
    first, second = MtlsProof("a", CertificateRules()), MtlsProof("b", CertificateRules())
    assert first.prove(request, NOW) is first.prove(request, NOW)
    verdict = second.prove(request, NOW)
    assert isinstance(verdict, Identity)
    assert verdict.method == "b"


def test_the_settings_become_rules() -> None:
    written = {
        "fields": {"subject": "cn", "tenant": "o", "role": ["ou"]},
        "issuers": "O=Shop, CN=Machines".replace(", ", ","),
        "fingerprints": FULL.fingerprint,
    }
    proof = Proofs({"machines": IdentitySettings.model_validate({"mtls": written})}).by_name["machines"]
    assert isinstance(proof, MtlsProof)
    assert proof.rules == CertificateRules(
        ("cn",),
        ("o",),
        ("ou",),
        frozenset({"O=Shop,CN=Machines"}),
        frozenset({FULL.fingerprint.replace(":", "").lower()}),
    )
