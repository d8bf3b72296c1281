"""One signature check: every algorithm, every confusion, every second spelling of the same token."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jwt.utils import base64url_encode

from portico.identity.jws import TOKEN_BYTES, TokenError, verify
from portico.identity.keys import ALGORITHMS, Key
from tests.unit.identity.signing import SECRET, private_key, public_pem, sign, sign_bytes, verifying_key

ALL = sorted(ALGORITHMS)
KEY = Key.from_secret(SECRET)
GOOD = sign({"sub": "u-1"})


def refusal(token: bytes | str, keys: list[Key] | None = None, allowed: set[str] | None = None) -> str:
    with pytest.raises(TokenError) as caught:
        verify(token, keys or [KEY], allowed or {"HS256"})
    return caught.value.reason


def test_thirteen_algorithms_are_known_and_none_is_not_among_them() -> None:
    assert " ".join(ALL) == ("ES256 ES384 ES512 EdDSA HS256 HS384 HS512 PS256 PS384 PS512 RS256 RS384 RS512")


@pytest.mark.parametrize("algorithm", ALL)
def test_good_signature_is_accepted(algorithm: str) -> None:
    header, payload = verify(sign({"sub": "u-1"}, algorithm), [verifying_key(algorithm)], {algorithm})
    assert header["alg"] == algorithm
    assert json.loads(payload) == {"sub": "u-1"}


@pytest.mark.parametrize("algorithm", ALL)
def test_changed_token_is_refused(algorithm: str) -> None:
    head, payload, signature = sign({"sub": "u-1"}, algorithm).split(b".")
    other = base64url_encode(b'{"sub":"u-2"}')
    allowed, keys = {algorithm}, [verifying_key(algorithm)]
    assert "not from a key that is trusted" in refusal(b".".join((head, other, signature)), keys, allowed)
    assert refusal(b".".join((head, payload, b"")), keys, allowed)
    assert refusal(b".".join((head, payload, base64url_encode(b"\0" * 64))), keys, allowed)


def test_algorithm_outside_the_list_is_refused_even_with_a_fitting_key() -> None:
    assert "algorithm is not allowed" in refusal(sign({}, "HS512"), [KEY], {"HS256"})


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "ES256K"])
def test_unknown_algorithms_are_refused_even_when_somebody_lists_them(name: str) -> None:
    token = sign_bytes(json.dumps({"alg": name}).encode(), b"{}")
    assert "algorithm is not allowed" in refusal(token, [KEY], {"HS256", name})
    unsigned = token.rsplit(b".", 1)[0] + b"."
    assert "algorithm is not allowed" in refusal(unsigned, [KEY], {"HS256", name})


@pytest.mark.parametrize("name", [None, 1, True, ["HS256"], {"HS256": 1}])
def test_algorithm_of_a_wrong_type_is_refused(name: Any) -> None:
    assert "algorithm is not allowed" in refusal(sign_bytes(json.dumps({"alg": name}).encode(), b"{}"))


def test_missing_algorithm_is_refused() -> None:
    assert "algorithm is not allowed" in refusal(sign_bytes(b'{"typ":"JWT"}', b"{}"))


def test_public_key_is_never_used_as_a_secret() -> None:
    """RFC 8725 section 2.1: HS256 signed with the bytes of the RSA public key that everybody knows."""
    pem = public_pem(private_key("RS256")).encode()
    token = sign({"sub": "admin"}, "HS256", key=pem)
    assert "not from a key" in refusal(token, [verifying_key("RS256")], {"RS256", "HS256"})
    assert "not allowed" in refusal(token, [verifying_key("RS256")], {"RS256"})


def test_key_serves_no_other_family() -> None:
    assert "not from a key" in refusal(sign({}, "ES256"), [verifying_key("ES384")], {"ES256", "ES384"})
    narrowed = verifying_key("RS256")
    narrowed.algorithms = frozenset({"RS256"})
    assert "not from a key" in refusal(sign({}, "PS256"), [narrowed], {"RS256", "PS256"})


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": None},
        {"crit": "b64"},
    ],
)
def test_critical_extensions_are_refused(header: dict[str, Any]) -> None:
    assert "critical extensions" in refusal(sign({}, **header))


@pytest.mark.parametrize("value", [False, None, 0, "false"])
def test_payload_that_is_not_encoded_is_refused(value: Any) -> None:
    assert "not encoded" in refusal(sign({}, b64=value))


def test_kid_chooses_nothing_but_must_be_text() -> None:
    verify(sign({}, kid="some other key"), [KEY], {"HS256"})
    assert "kid" in refusal(sign({}, kid=7))
    assert "kid" in refusal(sign({}, kid=None))


def test_keys_that_a_token_brings_along_are_not_used() -> None:
    own = b"x" * 32
    jwk = {"kty": "oct", "k": base64url_encode(own).decode()}
    token = sign({}, "HS256", key=own, jwk=jwk, jku="https://evil.example/keys", x5c=["AAAA"])
    assert "not from a key" in refusal(token)


def test_every_key_that_fits_is_tried() -> None:
    others = [Key.from_secret("o" * 64), verifying_key("RS256")]
    verify(GOOD, [*others, KEY], {"HS256"})
    assert "not from a key" in refusal(GOOD, others)


@pytest.mark.parametrize("parts", [1, 2, 4, 5])
def test_wrong_number_of_parts_is_refused(parts: int) -> None:
    assert refusal(b".".join([b"e30"] * parts)) == f"it has {parts} parts and not 3"


def test_oversized_token_is_refused_unread() -> None:
    assert "longer than 8192 bytes" in refusal(b"x" * (TOKEN_BYTES + 1))
    assert "longer" in refusal(sign({"pad": "x" * TOKEN_BYTES}))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + b"=",
        lambda token: token + b"\n",
        lambda token: token + b" ",
        lambda token: b" " + token,
        lambda token: token + b".",
        lambda token: token.replace(b".", b"=.", 1),
        lambda token: token[:-1] + bytes([token[-1] + 1]),
        lambda token: token.replace(b".", b"\0.", 1),
        lambda token: token + b"\xff",
        lambda token: token.replace(b"J", b"+", 1),
        lambda token: token.replace(b"J", b"/", 1),
    ],
)
def test_a_token_has_one_spelling(change: Any) -> None:
    changed = change(GOOD)
    assert changed != GOOD
    refusal(changed)


def test_bits_behind_the_last_byte_must_be_zero() -> None:
    """32 bytes of HMAC leave two bits of the last character unused: four spellings, one of which is right."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    group = alphabet.index(GOOD[-1]) & ~3
    spellings = [GOOD[:-1] + alphabet[index : index + 1] for index in range(group, group + 4)]
    assert GOOD in spellings
    for spelling in spellings:
        if spelling != GOOD:
            assert "canonical" in refusal(spelling)


def test_text_that_is_not_ascii_is_refused() -> None:
    assert "not ASCII" in refusal("é" + GOOD.decode())
    verify(GOOD.decode(), [KEY], {"HS256"})


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"HS256","alg":"HS256"}',
        b'{"alg":"none","alg":"HS256"}',
        b'["HS256"]',
        b'"HS256"',
        b"null",
        b"",
        b"\xff",
        b'{"alg":"HS256"} {}',
        b'{"alg":"HS256"}\0',
        b'\xef\xbb\xbf{"alg":"HS256"}',
        b'{"alg":"HS256","x":NaN}',
        b'{"alg":"HS256","x":Infinity}',
        b'{"alg":"HS256","x":"\\ud800"}',
        b'{"alg":"HS256","x":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"alg":"HS256","x":' + b"9" * 5000 + b"}",
        b"{'alg':'HS256'}",
        '{"alg":"HS256"}'.encode("utf-16"),
    ],
)
def test_header_that_is_not_one_json_object_is_refused(header: bytes) -> None:
    assert "header" in refusal(sign_bytes(header, b"{}"))
