"""Numbers that RFCs print, through the one function that takes a compact JWS, a JWK and an allow-list."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest

from portico.identity.encoding import from_base64url, to_base64url
from portico.identity.jwk import thumbprint
from portico.identity.jws import TokenError, verify_by_jwk
from portico.identity.keys import ALGORITHMS, KeySet

ALL = frozenset(ALGORITHMS)
CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

HMAC_KEY = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
RSA_KEY = {
    "kty": "RSA",
    "n": (
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
        "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs"
        "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
        "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    ),
    "e": "AQAB",
}
P256_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
P521_KEY = {
    "kty": "EC",
    "crv": "P-521",
    "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
    "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
}
ED25519_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

PRINTED: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "RFC 7515 A.1",
        HMAC_KEY,
        "HS256",
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ),
    (
        "RFC 7515 A.2",
        RSA_KEY,
        "RS256",
        f"eyJhbGciOiJSUzI1NiJ9.{CLAIMS}."
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
        "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
        "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
        "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    ),
    (
        "RFC 7515 A.3",
        P256_KEY,
        "ES256",
        f"eyJhbGciOiJFUzI1NiJ9.{CLAIMS}."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    ),
    (
        "RFC 7515 A.4",
        P521_KEY,
        "ES512",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCA"
        "PZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    ),
    (
        "RFC 8037 A.4",
        ED25519_KEY,
        "EdDSA",
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    ),
]
_IDS = [name for name, *_ in PRINTED]


@pytest.mark.parametrize(("name", "jwk", "algorithm", "token"), PRINTED, ids=_IDS)
def test_printed_signature_is_good(name: str, jwk: dict[str, Any], algorithm: str, token: str) -> None:
    header, payload = verify_by_jwk(token, jwk, {algorithm})
    assert header["alg"] == algorithm, name
    assert to_base64url(payload).decode() == token.split(".")[1]


@pytest.mark.parametrize(("name", "jwk", "algorithm", "token"), PRINTED, ids=_IDS)
def test_printed_signature_is_bad_for_anything_else(
    name: str, jwk: dict[str, Any], algorithm: str, token: str
) -> None:
    head, payload, signature = token.split(".")
    flipped = bytearray(from_base64url(signature.encode()))
    flipped[0] ^= 1
    for changed in (
        f"{head}.{payload}.{to_base64url(bytes(flipped)).decode()}",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}..{signature}",
        f".{payload}.{signature}",
    ):
        with pytest.raises(TokenError):
            verify_by_jwk(changed, jwk, ALL)
    for other in (key for _, key, _, _ in PRINTED if key is not jwk):
        with pytest.raises(TokenError, match="not from a key"):
            verify_by_jwk(token, other, ALL)
    with pytest.raises(TokenError, match="not allowed"):
        verify_by_jwk(token, jwk, ALL - {algorithm})
    with pytest.raises(TokenError, match='the key has an "alg"'):
        verify_by_jwk(token, jwk | {"alg": "none"}, ALL)
    with pytest.raises(TokenError, match='"use" is not "sig"'):
        verify_by_jwk(token, jwk | {"use": "enc"}, ALL)
    with pytest.raises(TokenError, match='"key_ops" lack "verify"'):
        verify_by_jwk(token, jwk | {"key_ops": ["sign"]}, ALL)
    verify_by_jwk(token, jwk | {"alg": algorithm, "use": "sig", "key_ops": ["sign", "verify"]}, ALL)


def test_unsecured_token_of_rfc_7515_a_5_is_refused() -> None:
    for _, key, _, _ in PRINTED:
        with pytest.raises(TokenError, match="not allowed"):
            verify_by_jwk(f"eyJhbGciOiJub25lIn0.{CLAIMS}.", key, ALL | {"none"})


@pytest.mark.parametrize(
    ("jwk", "printed"),
    [
        (
            {
                "kty": "RSA",
                "n": (
                    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK"
                    "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic"
                    "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
                    "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
                ),
                "e": "AQAB",
                "alg": "RS256",
                "kid": "2011-04-29",
            },
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",  # RFC 7638 section 3.1
        ),
        (ED25519_KEY | {"d": "private"}, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),  # RFC 8037 A.3
    ],
)
def test_thumbprint_is_the_printed_one(jwk: dict[str, Any], printed: str) -> None:
    assert thumbprint(jwk) == printed


@pytest.mark.parametrize("jwk", [{}, {"kty": "RSA", "n": "AQAB"}, {"kty": ["RSA"]}, {"kty": "oct", "k": 7}])
def test_what_lacks_the_members_has_no_thumbprint(jwk: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="thumbprint"):
        thumbprint(jwk)


VECTORS = pathlib.Path(
    os.environ.get("PORTICO_VECTORS", pathlib.Path(__file__).parents[4] / "shared" / "vectors")
)


def cookbook(folder: str, name: str) -> Any:
    """One file of the RFC 7520 collection, which is no part of this repository."""
    place = VECTORS / "rfc7520" / folder
    if not place.is_dir():
        pytest.skip(f"there is no {place}; PORTICO_VECTORS can name the folder of the vectors")
    (file,) = place.glob(f"{name}.*.json")
    return json.loads(file.read_text())


@pytest.mark.parametrize("name", ["4_1", "4_2", "4_3", "4_4"])
def test_rfc_7520_compact_signatures(name: str) -> None:
    case = cookbook("jws", name)
    jwk, algorithm = case["input"]["key"], case["input"]["alg"]
    token = case["output"]["compact"]
    header, payload = verify_by_jwk(token, jwk, {algorithm})
    assert header == case["signing"]["protected"]
    assert payload.decode() == case["input"]["payload"]
    with pytest.raises(TokenError, match="not allowed"):
        verify_by_jwk(token, jwk, ALL - {algorithm})


def test_rfc_7520_detached_content_is_signed_over_what_was_detached() -> None:
    case = cookbook("jws", "4_5")
    head, nothing, signature = case["output"]["compact"].split(".")
    assert nothing == ""
    with pytest.raises(TokenError, match="not from a key"):
        verify_by_jwk(case["output"]["compact"], case["input"]["key"], ALL)
    whole = f"{head}.{to_base64url(case['input']['payload'].encode()).decode()}.{signature}"
    verify_by_jwk(whole, case["input"]["key"], ALL)


@pytest.mark.parametrize("name", ["4_1", "4_2", "4_3", "4_4", "4_5", "4_6", "4_7", "4_8"])
def test_rfc_7520_json_serialisations_are_no_compact_tokens(name: str) -> None:
    case = cookbook("jws", name)
    key = case["input"]["key"]
    for form in ("json", "json_flat"):
        if form in case["output"]:
            with pytest.raises(TokenError, match="parts and not 3"):
                verify_by_jwk(json.dumps(case["output"][form]), key[0] if isinstance(key, list) else key, ALL)


def test_rfc_7520_keys_of_a_published_set() -> None:
    """The public ones are taken, those that everybody could sign with are not, nor is one that encrypts."""
    names = ("3_1", "3_2", "3_3", "3_4", "3_5", "3_6")
    found = KeySet.read(json.dumps({"keys": [cookbook("jwk", name) for name in names]}).encode())
    assert len(found.keys) == 2
    assert len(found.refused) == 4
