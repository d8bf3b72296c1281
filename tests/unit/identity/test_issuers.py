"""Several methods behind one header: whose token is it?"""

from __future__ import annotations

from typing import Any

import pytest

from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.identity.claims import ClaimRules
from portico.identity.issuers import Issuers, together
from portico.identity.jwt import JwtProof
from portico.identity.mtls import CertificateRules, MtlsProof
from portico.identity.proofs import Proof
from tests.unit.identity.signing import CLAIMS, NOW, SECRET, bearing, proof, request, sign, verifying_key

A, B = "https://a.example", "https://b.example"


def of(issuer: str | None, name: str = "", typ: str | None = None, algorithm: str = "HS256") -> JwtProof:
    rules = ClaimRules(issuer=issuer, typ=typ)
    return JwtProof(name or issuer or "any", [verifying_key(algorithm)], [algorithm], rules)


def grouped(*proofs: Proof) -> tuple[list[Proof], list[tuple[str, str, int]]]:
    clashes: list[tuple[str, str, int]] = []
    found = together(proofs, lambda one, other, index: clashes.append((one.name, other.name, index)))
    return found, clashes


def proven(method: Proof, token: bytes) -> Any:
    return method.prove(bearing(token), NOW)


def test_methods_of_different_headers_stay_as_they_are() -> None:
    one, other = proof(), proof(field=b"x-token")
    certificate = MtlsProof("machines", CertificateRules())
    assert grouped(one, other, certificate) == ([one, other, certificate], [])


def test_issuer_picks_the_method_and_no_other_is_asked() -> None:
    (both,), clashes = grouped(of(A), of(B, algorithm="ES256"))
    assert clashes == []
    assert isinstance(both, Issuers)
    first = proven(both, sign({**CLAIMS, "iss": A}))
    second = proven(both, sign({**CLAIMS, "iss": B}, "ES256"))
    assert isinstance(first, Identity)
    assert isinstance(second, Identity)
    assert (first.method, second.method) == (A, B)
    assert proven(both, sign({**CLAIMS, "iss": A})) is first, "remembered"
    for token in (sign({**CLAIMS, "iss": A}, "ES256"), sign({**CLAIMS, "iss": B})):
        assert isinstance(proven(both, token), Failure), "another issuer's key"


@pytest.mark.parametrize("issuer", ["https://c.example", "", None, 7, [A], A + "/"])
def test_token_of_nobodys_issuer_is_refused(issuer: Any) -> None:
    (both,), _ = grouped(of(A), of(B))
    said = {**CLAIMS, "iss": issuer} if issuer is not None else CLAIMS
    refused = proven(both, sign(said))
    assert isinstance(refused, Failure)
    assert refused.code == "INVALID_TOKEN"
    assert "its iss is none of theirs" in refused.detail


def test_typ_tells_methods_of_one_issuer_apart() -> None:
    (both,), clashes = grouped(of(A, "access", "at+jwt"), of(A, "other", "JWT"))
    assert clashes == []
    for typ, name in (("at+jwt", "access"), ("application/AT+JWT", "access"), ("JWT", "other")):
        found = proven(both, sign({**CLAIMS, "iss": A}, typ=typ))
        assert isinstance(found, Identity)
        assert found.method == name
    assert isinstance(proven(both, sign({**CLAIMS, "iss": A}, typ="dpop+jwt")), Failure)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (of(A, "x"), of(A, "y")),
        (of(None, "x"), of(A, "y")),
        (of(A, "x", "at+jwt"), of(A, "y")),
        (of(A, "x", "at+jwt"), of(A, "y", "application/at+jwt")),
    ],
)
def test_methods_that_one_token_could_suit_clash(one: Proof, other: Proof) -> None:
    _, clashes = grouped(one, other)
    assert clashes == [("x", "y", 1)]


@pytest.mark.parametrize("token", [b"opaque", b"a.b.c", b"e30.e30", b"", b"x" * 9000])
def test_what_is_no_token_is_refused_with_a_reason(token: bytes) -> None:
    (both,), _ = grouped(of(A), of(B))
    verdict = proven(both, token)
    assert verdict is None if token == b"" else isinstance(verdict, Failure)


def test_other_schemes_and_no_credential_pass_on() -> None:
    (both,), _ = grouped(of(A), of(B))
    assert both.prove(request(), NOW) is None
    assert both.prove(request((b"authorization", b"Basic abc")), NOW) is None
    two = request((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b"))
    assert isinstance(both.prove(two, NOW), Failure)


def test_challenges_of_all_are_told() -> None:
    (both,), _ = grouped(of(None, "x", "a+jwt"), of(None, "y", "b+jwt"))
    assert both.challenge == b'Bearer realm="x", Bearer realm="y"'
    assert SECRET not in repr(both)
