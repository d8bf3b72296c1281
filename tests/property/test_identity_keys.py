"""Whatever an issuer publishes or answers, it is a key set, a place, an answer, or refused in its own words."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portico.identity.claims import ClaimRules, identify, lifetime
from portico.identity.discovery import MetadataRefusedError, key_location
from portico.identity.jws import TokenError
from portico.identity.keys import KeyRefusedError, KeySet
from tests.integration.token_issuer import public_jwk

GOOD = [public_jwk(name) for name in ("RS256", "ES256", "ES512", "EdDSA")]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["kty", "crv", "n", "e", "x", "y", "k", "d", "alg", "use", "key_ops", "kid", "x5c"])
WORDS = st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed448", "sig", "RS256", "AQAB", "AA", "verify"])


@st.composite
def keys(draw: st.DrawFn) -> Any:
    made = dict(draw(st.sampled_from(GOOD)))
    for name in draw(st.lists(MEMBERS, max_size=3)):
        made[name] = draw(VALUES | WORDS)
    return draw(st.just(made) | VALUES)


@given(st.lists(keys(), max_size=4) | VALUES)
def test_key_set_of_any_shape_is_taken_or_refused(members: Any) -> None:
    try:
        found = KeySet.read(json.dumps({"keys": members}).encode())
    except KeyRefusedError:
        return
    assert found.keys
    for key in found.keys:
        assert key.algorithms
        assert not any(name.startswith("HS") for name in key.algorithms)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_no_surprise(document: bytes) -> None:
    for read in (KeySet.read, lambda data: key_location(data, "https://issuer.example", plain_http=True)):
        try:
            read(document)
        except (KeyRefusedError, MetadataRefusedError):
            pass


@given(
    st.dictionaries(
        st.sampled_from(["issuer", "jwks_uri"]), VALUES | WORDS | st.just("https://issuer.example")
    )
)
def test_metadata_of_any_shape_is_taken_or_refused(said: dict[str, Any]) -> None:
    try:
        location = key_location(json.dumps(said).encode(), "https://issuer.example", plain_http=False)
    except MetadataRefusedError:
        return
    assert location.secure


CLAIMS = [
    "sub",
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "tenant_id",
    "role",
    "email",
    "venue_id",
    "scope",
    "may",
]


@given(st.dictionaries(st.sampled_from(CLAIMS), VALUES))
def test_answer_of_any_shape_describes_a_caller_or_is_refused(said: dict[str, Any]) -> None:
    rules = ClaimRules(audiences=None, scope=("scope",), permissions=("may",), lifetime_s=60.0)
    try:
        life = lifetime(said, rules, endless=True)
        found = identify(said, rules, "users", life.expires, token=b"token", issued=life.issued)
    except TokenError:
        return
    assert found.subject
    assert all(b"\r" not in value and b"\n" not in value for _, value in found.fields)
    assert all(isinstance(mark, bytes) for mark in found.marks)
