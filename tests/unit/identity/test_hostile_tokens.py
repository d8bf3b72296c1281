"""Whatever bytes a client sends as its token: an identity that the issuer meant, or a 401, never an exception."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from tests.unit.identity.signing import CLAIMS, NOW, bearing, proof, request, sign, sign_bytes

GOOD = {algorithm: sign(CLAIMS, algorithm) for algorithm in ("HS256", "RS256", "ES256", "EdDSA")}
CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \t\r\n\0\xff"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
claim_names = st.sampled_from(
    ["sub", "tenant_id", "role", "email", "type", "iss", "aud", "exp", "nbf", "iat", "jti", "name"]
)


def refused(verdict: object) -> None:
    assert verdict is None or isinstance(verdict, Failure)
    if verdict is not None:
        assert verdict.status == 401
        assert verdict.code in ("INVALID_TOKEN", "TOKEN_EXPIRED")


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    algorithm = draw(st.sampled_from(sorted(GOOD)))
    token = bytearray(GOOD[algorithm])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(token)))
        kind = draw(st.sampled_from(["change", "insert", "remove", "cut", "double"]))
        sign_byte = draw(st.sampled_from(CHARACTERS))
        if kind == "change" and at < len(token):
            token[at] = sign_byte
        elif kind == "insert":
            token.insert(at, sign_byte)
        elif kind == "remove" and at < len(token):
            del token[at]
        elif kind == "cut":
            del token[at:]
        elif kind == "double":
            token[at:at] = token[at : at + 10]
    return algorithm, bytes(token)


@given(mutated())
def test_changed_token_proves_nothing(change: tuple[str, bytes]) -> None:
    algorithm, token = change
    verdict = proof(algorithm).prove(bearing(token), NOW)
    if token.strip(b" ") == GOOD[algorithm]:  # spaces around a token are the field's, not the token's
        assert isinstance(verdict, Identity)
    else:
        refused(verdict)


@given(st.binary(max_size=200))
def test_any_bytes_prove_nothing(value: bytes) -> None:
    refused(proof().prove(request((b"authorization", value)), NOW))
    refused(proof().prove(bearing(value), NOW))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_signed_nonsense_proves_nothing(header: bytes, payload: bytes) -> None:
    refused(proof().prove(bearing(sign_bytes(header, payload)), NOW))
    refused(proof().prove(bearing(sign_bytes(b'{"alg":"HS256"}', payload)), NOW))


@given(
    st.dictionaries(st.sampled_from(["alg", "crit", "b64", "kid", "typ", "cty", "jwk", "zip"]), json_values)
)
def test_signed_header_of_any_shape_never_raises(header: dict[str, Any]) -> None:
    verdict = proof().prove(
        bearing(sign_bytes(json.dumps(header).encode(), json.dumps(CLAIMS).encode())), NOW
    )
    if isinstance(verdict, Identity):
        assert header["alg"] == "HS256"
        assert "crit" not in header
        assert header.get("b64", True) is True
        assert isinstance(header.get("kid", ""), str)
    else:
        refused(verdict)


@given(st.dictionaries(claim_names, json_values))
def test_signed_claims_of_any_shape_give_safe_headers_or_a_refusal(claims: dict[str, Any]) -> None:
    verdict = proof().prove(bearing(sign({**CLAIMS, **claims})), NOW)
    if isinstance(verdict, Identity):
        for name, value in verdict.fields:
            assert name in (b"x-user-id", b"x-user-role", b"x-tenant-id", b"x-tenant-source")
            assert value
            assert value.strip() == value
            assert all(0x20 <= sign_byte <= 0x7E for sign_byte in value)
        assert verdict.lines.count(b"\r\n") == len(verdict.fields)
        assert verdict.expires is not None
        assert verdict.expires > NOW - 60
    else:
        refused(verdict)
