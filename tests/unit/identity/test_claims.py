"""Every rule about claims where libraries surprise: what is accepted, what is refused, what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.identity.claims import ClaimRules
from tests.unit.identity.signing import CLAIMS, NOW, bearing, proof, sign, sign_bytes


def prove(
    claims: Mapping[str, Any], rules: ClaimRules | None = None, wall: float = NOW
) -> Identity | Failure:
    verdict = proof(rules=rules).prove(bearing(sign(claims)), wall)
    assert isinstance(verdict, Identity | Failure)
    return verdict


def accepted(claims: Mapping[str, Any], rules: ClaimRules | None = None, wall: float = NOW) -> Identity:
    verdict = prove(claims, rules, wall)
    assert isinstance(verdict, Identity), verdict.detail
    return verdict


def refused(
    claims: Mapping[str, Any], rules: ClaimRules | None = None, wall: float = NOW, code: str = "INVALID_TOKEN"
) -> str:
    verdict = prove(claims, rules, wall)
    assert isinstance(verdict, Failure)
    assert (verdict.status, verdict.code) == (401, code)
    return verdict.detail


def test_identity_has_what_the_token_says() -> None:
    identity = accepted({**CLAIMS, "email": "a@b.example", "type": "access"})
    assert identity.subject == "u-1"
    assert identity.tenant == "t-1"
    assert identity.roles == ("agent",)
    assert identity.email == "a@b.example"
    assert identity.method == "users"
    assert identity.source == "jwt"
    assert identity.expires == NOW + 60
    assert identity.claims["type"] == "access"
    assert identity.fields == (
        (b"x-user-id", b"u-1"),
        (b"x-user-role", b"agent"),
        (b"x-tenant-id", b"t-1"),
        (b"x-tenant-source", b"jwt"),
    )


def test_claims_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        accepted(CLAIMS).claims["role"] = "admin"  # type: ignore[index]


def test_without_tenant_and_role_only_the_user_is_told() -> None:
    identity = accepted({"sub": "u-1", "exp": NOW + 60})
    assert identity.fields == ((b"x-user-id", b"u-1"),)
    assert identity.roles == ()
    assert identity.tenant is None


# -- who: sub, user_id, tenant_id, jti


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (0, "0"),
        (-1, "-1"),
        (2**53 - 1, "9007199254740991"),
        ("7", "7"),
        ("auth0|5f 7", "auth0|5f 7"),
    ],
)
def test_whole_number_or_plain_text_names_a_user(value: object, text: str) -> None:
    identity = accepted({**CLAIMS, "sub": value, "tenant_id": value, "jti": value})
    assert (identity.subject, identity.tenant) == (text, text)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        1.5,
        True,
        False,
        2**53,
        -(2**53),
        [],
        ["u-1"],
        {},
        {"id": 1},
        "",
        " ",
        " u-1",
        "u-1 ",
        "\tu-1",
        "u-1\n",
        "u\r\nx-user-role: admin",
        "u\n1",
        "u\r1",
        "u\x00",
        "u\x7f",
        "u\x85",
        "ü",
        "u\u2028",
        "名",
        "\ufeffu",
        "\u0661",
    ],
)
@pytest.mark.parametrize("name", ["sub", "tenant_id", "jti"])
def test_anything_else_is_refused(name: str, value: object) -> None:
    assert f"its {name} is" in refused({**CLAIMS, name: value})


def test_first_claim_that_is_present_names_the_user() -> None:
    rules = ClaimRules(subject=("user_id", "sub"))
    assert accepted({**CLAIMS, "user_id": 9}, rules).subject == "9"
    assert accepted({**CLAIMS, "user_id": None}, rules).subject == "u-1"
    assert "its user_id is" in refused({**CLAIMS, "user_id": ""}, rules)
    assert "has no user_id or sub" in refused({"exp": NOW + 60}, rules)


def test_token_of_nobody_is_refused() -> None:
    assert "has no sub" in refused({"exp": NOW + 60})
    assert "has no sub" in refused({**CLAIMS, "sub": None})


def test_half_a_surrogate_is_refused() -> None:
    token = sign_bytes(b'{"alg":"HS256"}', b'{"sub":"u","exp":%d,"name":"\\ud800"}' % (NOW + 60))
    verdict = proof().prove(bearing(token), NOW)
    assert isinstance(verdict, Failure)
    pair = sign_bytes(b'{"alg":"HS256"}', b'{"sub":"u","exp":%d,"name":"\\ud83d\\ude00"}' % (NOW + 60))
    assert isinstance(proof().prove(bearing(pair), NOW), Identity)


# -- role, email, type, further claims


def test_roles_are_one_name_or_a_list() -> None:
    assert accepted({**CLAIMS, "role": ["agent", "user"]}).roles == ("agent", "user")
    assert accepted({**CLAIMS, "role": ["agent", "user"]}).fields[1] == (b"x-user-role", b"agent,user")
    assert accepted({**CLAIMS, "role": []}).roles == ()
    assert accepted({**CLAIMS, "role": None}).roles == ()


@pytest.mark.parametrize(
    "value",
    ["", "user,admin", ["user,admin"], ["user", ""], 7, [7], True, {"admin": True}, "a\nb", ["ä"], [None]],
)
def test_role_that_is_no_plain_name_is_refused(value: object) -> None:
    assert "its role is not" in refused({**CLAIMS, "role": value})


@pytest.mark.parametrize("value", [1, True, ["a@b"], {}])
def test_email_of_a_wrong_type_is_refused(value: object) -> None:
    assert "email" in refused({**CLAIMS, "email": value})


def test_email_is_never_a_header() -> None:
    identity = accepted({**CLAIMS, "email": "ü@b.example"})
    assert all(b"example" not in value for _, value in identity.fields)


def test_type_must_be_the_configured_one() -> None:
    rules = ClaimRules(type="access")
    accepted({**CLAIMS, "type": "access"}, rules)
    assert "type is not access" in refused({**CLAIMS, "type": "refresh"}, rules)
    assert "type is not access" in refused(CLAIMS, rules)
    assert "type is no string" in refused({**CLAIMS, "type": 1}, rules)


def test_refresh_token_is_refused_unless_it_is_what_is_asked_for() -> None:
    accepted({**CLAIMS, "type": "anything"})
    assert "refresh token" in refused({**CLAIMS, "type": "refresh"})
    accepted({**CLAIMS, "type": "refresh"}, ClaimRules(type="refresh"))


@pytest.mark.parametrize("value", [None, "", []])
def test_required_claim_must_say_something(value: object) -> None:
    rules = ClaimRules(required=("org",))
    accepted({**CLAIMS, "org": "o-1"}, rules)
    accepted({**CLAIMS, "org": 0}, rules)
    accepted({**CLAIMS, "org": False}, rules)
    assert "has no org" in refused(CLAIMS, rules)
    assert "has no org" in refused({**CLAIMS, "org": value}, rules)


# -- from whom and for whom: iss, aud


def test_issuer_must_be_the_configured_one() -> None:
    rules = ClaimRules(issuer="tickettoken-api")
    accepted({**CLAIMS, "iss": "tickettoken-api"}, rules)
    assert "not the one" in refused({**CLAIMS, "iss": "tickettoken-api "}, rules)
    assert "has no iss" in refused(CLAIMS, rules)
    assert "has no iss" in refused({**CLAIMS, "iss": None}, rules)


@pytest.mark.parametrize("value", [1, True, ["tickettoken-api"], {}])
@pytest.mark.parametrize("rules", [ClaimRules(), ClaimRules(issuer="tickettoken-api")])
def test_issuer_that_is_no_string_is_refused_even_where_none_is_configured(
    value: object, rules: ClaimRules
) -> None:
    assert "iss is no string" in refused({**CLAIMS, "iss": value}, rules)


def test_any_issuer_will_do_where_none_is_configured() -> None:
    accepted({**CLAIMS, "iss": "somebody"})


@pytest.mark.parametrize("value", ["us", ["us"], ["them", "us"], ["us", "us"]])
def test_audience_that_names_the_gateway_is_accepted(value: object) -> None:
    accepted({**CLAIMS, "aud": value}, ClaimRules(audiences=frozenset({"us", "me"})))


def test_audience_must_be_there_where_it_is_configured() -> None:
    rules = ClaimRules(audiences=frozenset({"us"}))
    for claims in (CLAIMS, {**CLAIMS, "aud": None}, {**CLAIMS, "aud": []}):
        assert "has no aud" in refused(claims, rules)
    assert "does not name this gateway" in refused({**CLAIMS, "aud": "them"}, rules)
    assert "does not name this gateway" in refused({**CLAIMS, "aud": ""}, rules)


def test_token_for_others_is_refused_where_no_audience_is_configured() -> None:
    """RFC 7519 section 4.1.3: who does not find itself in aud MUST reject the token."""
    accepted({**CLAIMS, "aud": None})
    accepted({**CLAIMS, "aud": []})
    assert "does not name this gateway" in refused({**CLAIMS, "aud": "them"})
    assert "does not name this gateway" in refused({**CLAIMS, "aud": ["them"]})


def test_any_audience_can_be_asked_for() -> None:
    rules = ClaimRules(audiences=None)
    accepted({**CLAIMS, "aud": "them"}, rules)
    accepted(CLAIMS, rules)


@pytest.mark.parametrize("value", [1, True, {}, {"us": 1}, [1], ["us", 1], ["us", None]])
@pytest.mark.parametrize("audiences", [None, frozenset[str](), frozenset({"us"})])
def test_audience_of_a_wrong_type_is_refused(value: object, audiences: frozenset[str] | None) -> None:
    assert "neither a string nor a list" in refused({**CLAIMS, "aud": value}, ClaimRules(audiences=audiences))


# -- when: exp, nbf, iat


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        "1750000060",
        "",
        [],
        {},
        253_402_300_800,
        1e18,
        -1e18,
        10**30,
        -(10**30),
        10**400,
        1_750_000_060_000,
    ],
)
def test_time_that_is_none_is_refused(name: str, value: object) -> None:
    assert f"its {name} is not a time in seconds" in refused({**CLAIMS, name: value})


def test_number_that_overflows_is_refused() -> None:
    token = sign_bytes(b'{"alg":"HS256"}', b'{"sub":"u","exp":1e400}')
    verdict = proof().prove(bearing(token), NOW)
    assert isinstance(verdict, Failure)
    assert "exp is not a time" in verdict.detail


def test_token_without_end_is_refused() -> None:
    assert "has no exp" in refused({"sub": "u-1"})
    assert "has no exp" in refused({**CLAIMS, "exp": None})


def test_times_may_have_a_fraction() -> None:
    assert accepted({**CLAIMS, "exp": NOW + 0.5}).expires == NOW + 0.5


@pytest.mark.parametrize("expires", [NOW - 60, NOW - 60.5, 0, -1, -1.5e9])
def test_expired_token_has_its_own_code(expires: float) -> None:
    assert "expired" in refused({**CLAIMS, "exp": expires}, code="TOKEN_EXPIRED")


def test_leeway_counts_at_both_ends() -> None:
    accepted({**CLAIMS, "exp": NOW - 59.9})
    accepted({**CLAIMS, "nbf": NOW + 60})
    assert "not valid yet" in refused({**CLAIMS, "nbf": NOW + 60.1})
    strict = ClaimRules(leeway_s=0.0)
    accepted({**CLAIMS, "nbf": NOW, "iat": NOW}, strict)
    refused({**CLAIMS, "exp": NOW}, strict, code="TOKEN_EXPIRED")
    refused({**CLAIMS, "nbf": NOW + 1}, strict)


def test_token_from_the_future_is_refused() -> None:
    accepted({**CLAIMS, "iat": NOW + 60})
    assert "not valid yet" in refused({**CLAIMS, "iat": NOW + 61})
    assert "not valid yet" in refused({**CLAIMS, "iat": NOW + 61, "nbf": NOW - 100})


def test_wrong_signature_of_an_expired_token_is_not_told_as_expired() -> None:
    token = sign({**CLAIMS, "exp": 1}, key=b"o" * 32)
    verdict = proof().prove(bearing(token), NOW)
    assert isinstance(verdict, Failure)
    assert verdict.code == "INVALID_TOKEN"


# -- the payload as a whole


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"7",
        b'"sub"',
        b"[]",
        b'[{"sub":"u"}]',
        b"{",
        b'{"sub":"u"} x',
        b'{"sub":"u"}{}',
        b"{'sub':'u'}",
        b'{"sub":"u","exp":NaN}',
        b'{"sub":"u","exp":Infinity}',
        b'{"sub":"u","exp":-Infinity}',
        b'{"sub":"u","sub":"admin"}',
        b'{"sub":"u","x":{"a":1,"a":2}}',
        b'{"sub":"\xff"}',
        b'{"sub":"\xed\xa0\x80"}',
        b'{"sub":"u\n"}',
        b'\xef\xbb\xbf{"sub":"u"}',
        b'{"sub":' + b"[" * 2500 + b"]" * 2500 + b"}",
        b'{"sub":' + b"9" * 5000 + b"}",
        '{"sub":"u"}'.encode("utf-16"),
    ],
)
def test_payload_that_is_not_one_json_object_is_refused(payload: bytes) -> None:
    verdict = proof().prove(bearing(sign_bytes(b'{"alg":"HS256"}', payload)), NOW)
    assert isinstance(verdict, Failure)
    assert verdict.code == "INVALID_TOKEN"
    assert "payload" in verdict.detail


def test_log_says_why_without_showing_the_token() -> None:
    detail = refused({**CLAIMS, "role": "s3cret\n", "iss": "hidden"})
    assert detail == "token refused by users: its role is not a plain ASCII name or a list of them"
