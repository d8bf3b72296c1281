"""The proof as a whole: where the token is looked for, what is remembered, what a client is told."""

from __future__ import annotations

import pytest

from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.identity.claims import ClaimRules
from portico.identity.jwt import VerifiedTokens
from portico.identity.keys import Key, KeySet, WrittenKeys
from tests.unit.identity.signing import CLAIMS, NOW, bearing, proof, request, sign, verifying_key

GOOD = sign(CLAIMS)


def failed(verdict: object) -> Failure:
    assert isinstance(verdict, Failure)
    return verdict


@pytest.mark.parametrize("algorithm", ["HS384", "RS256", "PS512", "ES256", "ES384", "EdDSA"])
def test_every_kind_of_key_proves(algorithm: str) -> None:
    verdict = proof(algorithm).prove(bearing(sign(CLAIMS, algorithm)), NOW)
    assert isinstance(verdict, Identity)


@pytest.mark.parametrize("value", [b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   "])
def test_scheme_is_read_in_any_case(value: bytes) -> None:
    assert isinstance(proof().prove(request((b"authorization", value + GOOD)), NOW), Identity)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic dXNlcjpwYXNz",
        b"Digest x",
        b"Bearer\t" + GOOD,
        GOOD,
        b"Token " + GOOD,
    ],
)
def test_field_without_a_bearer_token_is_no_credential(value: bytes) -> None:
    assert proof().prove(request((b"authorization", value)), NOW) is None


def test_request_without_the_field_has_no_credential() -> None:
    assert proof().prove(request((b"x-token", GOOD)), NOW) is None


@pytest.mark.parametrize(
    "token", [b"x", b"a b", b"..", b"e30.e30.e30", b"\xff\xfe", b"x" * 9000, b"null", b"undefined"]
)
def test_bearer_with_nonsense_is_an_invalid_credential(token: bytes) -> None:
    failure = failed(proof().prove(bearing(token), NOW))
    assert (failure.status, failure.code) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("other", [b"Bearer " + GOOD, b"Basic dXNlcjpwYXNz", b""])
def test_two_fields_are_refused_whatever_they_hold(other: bytes) -> None:
    """A service might look at the other one."""
    good = (b"authorization", b"Bearer " + GOOD)
    for fields in ((good, (b"authorization", other)), ((b"authorization", other), good)):
        assert failed(proof().prove(request(*fields), NOW)).detail == "two authorization fields"


def test_field_of_its_own_needs_no_scheme() -> None:
    own = proof(field=b"x-access-token")
    assert isinstance(own.prove(request((b"x-access-token", GOOD)), NOW), Identity)
    assert isinstance(own.prove(request((b"x-access-token", b"Bearer " + GOOD)), NOW), Identity)
    assert own.prove(bearing(GOOD), NOW) is None
    assert own.prove(request((b"x-access-token", b"")), NOW) is None


def test_client_is_told_as_rfc_6750_says() -> None:
    users = proof()
    assert users.challenge == b'Bearer realm="users"'
    assert failed(users.prove(bearing(b"x"), NOW)).fields == (
        (
            b"www-authenticate",
            b'Bearer realm="users", error="invalid_token", error_description="The token is not valid"',
        ),
    )
    assert failed(users.prove(bearing(GOOD), NOW + 120)).fields == (
        (
            b"www-authenticate",
            b'Bearer realm="users", error="invalid_token", error_description="The token has expired"',
        ),
    )


def test_verified_token_is_remembered_and_gives_the_same_identity() -> None:
    users = proof()
    first = users.prove(bearing(GOOD), NOW)
    assert len(users.verified) == 1
    users.keys = WrittenKeys(())  # whatever comes now cannot be verified again
    assert users.prove(bearing(GOOD), NOW) is first
    failed(users.prove(bearing(sign({**CLAIMS, "sub": "u-2"})), NOW))


def test_remembered_token_expires_to_the_second() -> None:
    users = proof(rules=ClaimRules(leeway_s=10.0))
    assert isinstance(users.prove(bearing(GOOD), NOW), Identity)
    assert isinstance(users.prove(bearing(GOOD), NOW + 69.9), Identity)
    assert failed(users.prove(bearing(GOOD), NOW + 70)).code == "TOKEN_EXPIRED"
    assert len(users.verified) == 0


def test_remembered_token_is_checked_for_its_start_when_the_clock_goes_back() -> None:
    users = proof()
    token = bearing(sign({**CLAIMS, "nbf": NOW}))
    assert isinstance(users.prove(token, NOW), Identity)
    assert failed(users.prove(token, NOW - 61)).code == "INVALID_TOKEN"
    assert isinstance(users.prove(token, NOW - 59), Identity)


def test_refusals_are_not_remembered() -> None:
    users = proof()
    failed(users.prove(bearing(sign(CLAIMS, key=b"o" * 32)), NOW))
    failed(users.prove(bearing(GOOD), NOW + 1000))
    assert len(users.verified) == 0


def test_another_spelling_of_a_remembered_token_is_not_accepted() -> None:
    users = proof()
    users.prove(bearing(GOOD), NOW)
    for changed in (GOOD + b"=", GOOD.upper(), GOOD[:-1], b"." + GOOD):
        failed(users.prove(bearing(changed), NOW))


def test_several_secrets_verify_while_they_are_exchanged() -> None:
    users = proof()
    users.keys = WrittenKeys((Key.from_secret("n" * 32), verifying_key("HS256")))
    assert isinstance(users.prove(bearing(GOOD), NOW), Identity)


def entry(number: int) -> tuple[float, float, Identity, KeySet]:
    return 0.0, 1.0, Identity(str(number), "users", "jwt"), WrittenKeys(())


def test_the_oldest_tokens_are_forgotten_first() -> None:
    tokens = VerifiedTokens(most=3)
    for number in range(5):
        tokens.add(b"%d" % number, entry(number))
    assert [tokens.get(b"%d" % number) is not None for number in range(5)] == [False, False, True, True, True]
    assert repr(tokens) == "<VerifiedTokens 3 of 3, 3 bytes>"


def test_large_tokens_leave_room_for_fewer() -> None:
    tokens = VerifiedTokens(most=100, most_bytes=1000)
    for number in range(10):
        tokens.add(b"%d" % number * 300, entry(number))
    assert len(tokens) == 3
    tokens.add(b"x" * 2000, entry(0))
    assert len(tokens) == 0
    assert repr(tokens) == "<VerifiedTokens 0 of 100, 0 bytes>"


def test_token_that_is_added_again_counts_once() -> None:
    tokens = VerifiedTokens()
    for number in range(3):
        tokens.add(b"same", entry(number))
    found = tokens.get(b"same")
    assert found is not None
    assert found[2].subject == "2"
    assert repr(tokens) == "<VerifiedTokens 1 of 10000, 4 bytes>"
    tokens.drop(b"same")
    tokens.drop(b"same")
    assert repr(tokens) == "<VerifiedTokens 0 of 10000, 0 bytes>"


def test_repr_shows_no_key() -> None:
    assert repr(proof("HS256", "HS512")) == "<JwtProof users HS256, HS512, 0 verified>"
