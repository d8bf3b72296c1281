"""One DPoP proof: the RFC's own, and every way to make one that is not for this request."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import get_default_algorithms

from portico.identity.dpop import Asked, DpopProof, read_proof
from portico.identity.jwk import thumbprint
from portico.identity.jws import TokenError
from tests.unit.identity.proving import TOKEN, UNSET, dpop_proof, hash_of, jkt, public_jwk
from tests.unit.identity.signed import NOW
from tests.unit.identity.signing import SECRET, private_key, sign_bytes

ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")
ASKED = Asked(b"GET", b"https", b"api.example", b"/orders")

# RFC 9449 section 7.1, figure 13, and the thumbprint of section 6.1.
RFC_PROOF = (
    b"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZ"
    b"OXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIs"
    b"ImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJj"
    b"ZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05y"
    b"V0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6"
    b"Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_ASKED = Asked(b"GET", b"https", b"resource.example.org", b"/protectedresource")
RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_proof_of_the_rfc() -> None:
    found = read_proof(RFC_PROOF, RFC_ASKED, TOKEN, ALGORITHMS, 1562262618.0, 60.0)
    assert found == DpopProof(RFC_JKT, "e1j3V_bKic8-LAEB", 1562262618.0, None)


def test_the_thumbprint_of_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF"
        "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9"
        "c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1"
        "jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def read(proof: bytes, asked: Asked = ASKED, token: bytes = TOKEN, wall: float = NOW) -> DpopProof:
    return read_proof(proof, asked, token, ALGORITHMS, wall, 60.0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm(algorithm: str) -> None:
    assert read(dpop_proof(algorithm)) == DpopProof(jkt(algorithm), "proof-1", NOW, None)


@pytest.mark.parametrize(
    "htu",
    [
        "https://api.example/orders?x=1#y",
        "HTTPS://API.example:443/orders",
        "https://api.example/%6frders",
        "https://api.example/a/../orders",
    ],
)
def test_the_same_url_in_another_spelling(htu: str) -> None:
    assert read(dpop_proof(htu=htu))


def test_the_root_needs_no_slash() -> None:
    assert read(dpop_proof(htu="https://api.example"), ASKED._replace(path=b"/"))


def test_a_nonce_is_handed_on() -> None:
    assert read(dpop_proof(nonce="n")).nonce == "n"


OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
WITH_PRIVATE: dict[str, Any] = get_default_algorithms()["ES256"].to_jwk(private_key("ES256"), as_dict=True)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)


WRONG = (
    (dpop_proof(htm="POST"), "another method"),
    (dpop_proof(htm="get"), "another method"),
    (dpop_proof(htm=UNSET), "another method"),
    (dpop_proof(htu="https://api.example/other"), "another URL"),
    (dpop_proof(htu="https://api.example/orders/"), "another URL"),
    (dpop_proof(htu="https://other.example/orders"), "another URL"),
    (dpop_proof(htu="http://api.example/orders"), "another URL"),
    (dpop_proof(htu="https://api.example:8443/orders"), "another URL"),
    (dpop_proof(htu="https://api.example/../../orders"), "another URL"),
    (dpop_proof(htu="https://me@api.example/orders"), "another URL"),
    (dpop_proof(htu="/orders"), "no http URL"),
    (dpop_proof(htu=7), "no http URL"),
    (dpop_proof(htu=UNSET), "no http URL"),
    (dpop_proof(ath=hash_of(b"another token")), "access token"),
    (dpop_proof(ath=UNSET), "access token"),
    (dpop_proof(iat=int(NOW) - 61), "too far"),
    (dpop_proof(iat=int(NOW) + 61), "too far"),
    (dpop_proof(iat=10**400), "too far"),
    (dpop_proof(iat=-(10**400)), "too far"),
    (dpop_proof(iat=True), "no iat"),
    (dpop_proof(iat=str(int(NOW))), "no iat"),
    (dpop_proof(iat=UNSET), "no iat"),
    (dpop_proof(jti=UNSET), "no jti"),
    (dpop_proof(jti=""), "no jti"),
    (dpop_proof(jti=7), "no jti"),
    (dpop_proof(nonce=7), "nonce"),
    (dpop_proof(header={"typ": "JWT"}), "typ"),
    (dpop_proof(header={"typ": UNSET}), "typ"),
    (dpop_proof(header={"jwk": UNSET}), "names no key"),
    (dpop_proof(header={"jwk": "text"}), "names no key"),
    (dpop_proof(header={"jwk": WITH_PRIVATE}), "private"),
    (dpop_proof(header={"jwk": {"kty": "oct", "k": "AAAA"}}), "private"),
    (dpop_proof(header={"jwk": public_jwk("RS256")}), "signature"),
    (dpop_proof(header={"jwk": public_jwk("ES256", OTHER_KEY)}), "signature"),
    (dpop_proof(key=OTHER_KEY, header={"jwk": public_jwk()}), "signature"),
    (dpop_proof("ES384"), "algorithm"),
    (dpop_proof("RS256", key=SHORT), "1024 bits"),
    (dpop_proof(header={"crit": ["x"]}), "critical"),
    (dpop_proof("HS256", key=SECRET.encode(), header={"jwk": public_jwk()}), "algorithm"),
    (dpop_proof() + b"A", "signature"),
    (dpop_proof().rpartition(b".")[0] + b".", "signature"),
    (sign_bytes(b'{"typ":"dpop+jwt","alg":"none"}', b"{}", "HS256"), "algorithm"),
    (b"", "parts"),
    (b"a.b.c", "header"),
)


@pytest.mark.parametrize(("proof", "why"), WRONG, ids=[f"{at} {why}" for at, (_, why) in enumerate(WRONG)])
def test_a_proof_that_is_none_for_this(proof: bytes, why: str) -> None:
    with pytest.raises(TokenError) as refused:
        read(proof)
    assert why in refused.value.reason
