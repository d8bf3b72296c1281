"""What an ID token and a logout token must say, rule by rule."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from portico.identity.id_token import LOGOUT_EVENT, TokenRules, id_token_claims, logout_token_claims
from portico.identity.jws import TokenError, read
from portico.identity.keys import Key, WrittenKeys
from tests.unit.identity.signing import NOW, private_key, sign

ISSUER = "https://issuer.test"
RULES = TokenRules(ISSUER, "shop", frozenset({"RS256", "ES384", "EdDSA"}), 60.0)
KEYS = WrittenKeys([Key.from_public(private_key(name).public_key()) for name in ("RS256", "ES384", "EdDSA")])
SAID: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "shop",
    "sub": "ada",
    "iat": NOW - 1,
    "exp": NOW + 300,
    "nonce": "n-1",
}
LOGOUT: dict[str, Any] = {
    **{name: value for name, value in SAID.items() if name != "nonce"},
    "jti": "j-1",
    "events": {LOGOUT_EVENT: {}},
}


def token(said: dict[str, Any], algorithm: str = "RS256", **header: Any) -> Any:
    claims = {name: value for name, value in said.items() if value is not None}
    return read(sign(claims, algorithm, **header), RULES.algorithms)


def accepted(algorithm: str = "RS256", access: str | None = "access", **changes: Any) -> dict[str, Any]:
    return id_token_claims(token({**SAID, **changes}, algorithm), KEYS, RULES, "n-1", access, NOW)


def half_hash(hasher: Any, text: str = "access") -> str:
    digest = hasher(text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def test_an_honest_token_is_taken() -> None:
    assert accepted()["sub"] == "ada"
    assert accepted(aud=["shop"], azp="shop")["sub"] == "ada"
    assert accepted(aud=["shop", "another"], azp="shop")["sub"] == "ada"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://issuer.test/"}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["shop", "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"exp": NOW - 60}, "expired"),
        ({"iat": NOW + 61}, "not valid yet"),
        ({"iat": None}, "iat"),
        ({"exp": None}, "exp"),
        ({"nonce": "n-2"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": "x" * 256}, "sub"),
    ],
)
def test_each_rule_refuses_by_itself(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        accepted(**changes)


@pytest.mark.parametrize(
    ("algorithm", "hasher"),
    [("RS256", hashlib.sha256), ("ES384", hashlib.sha384), ("EdDSA", hashlib.sha512)],
)
def test_at_hash_is_by_the_hash_of_the_algorithm(algorithm: str, hasher: Any) -> None:
    assert accepted(algorithm, at_hash=half_hash(hasher))
    for wrong in (half_hash(hashlib.sha1), half_hash(hasher, "another"), "", 7):
        with pytest.raises(TokenError, match="at_hash"):
            accepted(algorithm, at_hash=wrong)
    with pytest.raises(TokenError, match="at_hash"):
        accepted(algorithm, None, at_hash=half_hash(hasher))


@pytest.mark.parametrize(
    ("typ", "as_id_token", "as_logout_token"),
    [
        ("JWT", True, True),
        ("application/jwt", True, True),
        ("logout+jwt", False, True),
        ("application/logout+JWT", False, True),
        ("at+jwt", False, False),
        ("dpop+jwt", False, False),
    ],
)
def test_each_kind_of_token_does_its_own_work(typ: str, as_id_token: bool, as_logout_token: bool) -> None:
    def taken(check: Any, *arguments: Any) -> bool:
        try:
            return bool(check(*arguments))
        except TokenError:
            return False

    id_token, logout = token(SAID, typ=typ), token(LOGOUT, typ=typ)
    assert taken(id_token_claims, id_token, KEYS, RULES, "n-1", None, NOW) is as_id_token
    assert taken(logout_token_claims, logout, KEYS, RULES, NOW) is as_logout_token


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "n-1"}, "nonce"),
        ({"events": {}}, "sign-out"),
        ({"events": {LOGOUT_EVENT: True}}, "sign-out"),
        ({"events": [LOGOUT_EVENT]}, "sign-out"),
        ({"jti": None}, "jti"),
        ({"sub": None}, "neither"),
        ({"sid": ""}, "sid"),
        ({"aud": "another"}, "aud"),
    ],
)
def test_each_rule_of_logout_tokens(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        logout_token_claims(token({**LOGOUT, **changes}), KEYS, RULES, NOW)
    assert logout_token_claims(token({**LOGOUT, "sub": None, "sid": "s-1"}), KEYS, RULES, NOW)["sid"] == "s-1"
