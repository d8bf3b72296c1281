"""Tokens for people who try the gateway: they work, or it is said why there is none."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from portico.config.models.identity import IdentitySettings
from portico.exchange.identity import Identity
from portico.identity.development import TokenNotMadeError, make_token
from portico.identity.proofs import Proofs
from tests.unit.identity.signing import NOW, SECRET, bearing, private_key, private_pem, public_pem

CLAIMS = {"sub": "demo", "tenant_id": "t-1", "role": "agent"}


def block(**jwt: Any) -> dict[str, IdentitySettings]:
    return {"users": IdentitySettings.model_validate({"jwt": jwt})}


def make(identity: dict[str, IdentitySettings], claims: dict[str, Any] | None = None, **options: Any) -> str:
    return make_token(
        identity, "users", CLAIMS if claims is None else claims, expires_s=3600, wall=NOW, **options
    )


def proven(identity: dict[str, IdentitySettings], token: str, wall: float = NOW) -> Identity:
    verdict = Proofs(identity).by_name["users"].prove(bearing(token.encode()), wall)
    assert isinstance(verdict, Identity)
    return verdict


def test_token_signed_with_the_secret_works_until_it_expires() -> None:
    identity = block(secret=SECRET, issuer="us", audience=["*", "api"], type="access", require=["tenant_id"])
    found = proven(identity, make(identity), NOW + 3600)
    assert (found.subject, found.tenant, found.roles, found.expires) == (
        "demo",
        "t-1",
        ("agent",),
        NOW + 3600,
    )
    assert {name: found.claims[name] for name in ("iss", "aud", "type", "iat")} == {
        "iss": "us",
        "aud": "api",
        "type": "access",
        "iat": int(NOW),
    }


def test_tokens_differ() -> None:
    identity = block(secret=SECRET)
    assert make(identity) != make(identity)


def test_claims_win_over_what_is_added() -> None:
    identity = block(secret=SECRET)
    assert proven(identity, make(identity, {**CLAIMS, "exp": NOW + 5})).expires == NOW + 5


@pytest.mark.parametrize("algorithm", ["RS256", "ES384", "EdDSA"])
def test_private_key_signs_where_only_the_public_one_is_configured(algorithm: str) -> None:
    private = private_key(algorithm)
    identity = block(public_key=public_pem(private), algorithms=[algorithm])
    assert proven(identity, make(identity, private_key=private_pem(private))).subject == "demo"
    with pytest.raises(
        TokenNotMadeError, match="has only a public key: to sign a token for it, give the private key"
    ):
        make(identity)


def test_wrong_private_key_is_explained() -> None:
    identity = block(public_key=public_pem(private_key("ES256")), algorithms=["ES256"])
    with pytest.raises(TokenNotMadeError, match="is no private key in PEM form"):
        make(identity, private_key="nonsense")
    with pytest.raises(TokenNotMadeError, match="accepts ES256, which this key cannot sign"):
        make(identity, private_key=private_pem(private_key("RS256")))


def test_private_key_of_another_pair_is_noticed() -> None:
    identity = block(public_key=public_pem(private_key("RS256")), algorithms=["RS256", "PS256"])
    other = private_pem(private_key("PS256"))
    with pytest.raises(TokenNotMadeError, match="its signature is not from a key that is trusted"):
        make(identity, private_key=other)


def test_private_key_beside_a_secret_is_refused() -> None:
    with pytest.raises(TokenNotMadeError, match="no private key is needed"):
        make(block(secret=SECRET), private_key=private_pem(private_key("ES256")))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"role": "agent"}, "it has no sub"),
        ({"sub": "ü"}, "its sub is empty or not plain ASCII"),
        ({"sub": "demo", "x": {1, 2}}, "cannot be put into a token"),
        ({"sub": "demo", "iss": 7}, "iss"),
        ({"sub": "demo", "exp": NOW - 3600}, "it has expired"),
    ],
)
def test_claims_that_the_gateway_would_refuse_make_no_token(claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenNotMadeError, match=reason):
        make(block(secret=SECRET), claims)


def test_unknown_identity_gets_a_suggestion() -> None:
    identity = block(secret=SECRET)
    with pytest.raises(TokenNotMadeError, match='no identity "user": did you mean "users"'):
        make_token(identity, "user", {}, expires_s=1, wall=NOW)
    with pytest.raises(TokenNotMadeError, match="there are users"):
        make_token(identity, "xyz", {}, expires_s=1, wall=NOW)


def test_bad_key_is_told() -> None:
    with pytest.raises(TokenNotMadeError, match=r"identity\.users\.jwt\.secret is 5 bytes long"):
        make(block(secret="short"))


def test_nobody_could_use_a_token_without_the_key_that_it_must_be_bound_to() -> None:
    with pytest.raises(TokenNotMadeError, match="dpop: required"):
        make(block(secret=SECRET, dpop="required"))
    assert make(block(secret=SECRET, dpop="allowed"))


def test_not_every_identity_takes_tokens() -> None:
    signed = IdentitySettings.model_validate({"hmac": {"keys": {"shop": {"secret": SECRET}}}})
    with pytest.raises(TokenNotMadeError, match="no JSON Web Tokens"):
        make({"users": signed})


def test_token_of_a_published_key_is_judged_by_the_key_that_signs_it() -> None:
    identity = block(discover="https://issuer.example/", algorithms=["ES256"], audience="api", typ="at+jwt")
    token = make(identity, private_key=private_pem(private_key("ES256")))
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert jwt.decode(token, options={"verify_signature": False})["iss"] == "https://issuer.example/"
    with pytest.raises(TokenNotMadeError, match="has no user_id"):
        make(
            block(discover="https://issuer.example/", algorithms=["ES256"], claims={"subject": "user_id"}),
            private_key=private_pem(private_key("ES256")),
        )
