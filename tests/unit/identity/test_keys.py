"""Which keys are taken, for what, and what a person is told about the others."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

from portico.identity.keys import SET_KEYS, Key, KeyRefusedError, KeySet, WrittenKeys, public_keys
from tests.unit.identity.signing import private_key, private_pem, public_pem


@pytest.mark.parametrize(
    ("length", "algorithms"),
    [
        (32, {"HS256"}),
        (47, {"HS256"}),
        (48, {"HS256", "HS384"}),
        (64, {"HS256", "HS384", "HS512"}),
    ],
)
def test_secret_serves_the_algorithms_that_it_is_long_enough_for(length: int, algorithms: set[str]) -> None:
    assert Key.from_secret("s" * length).algorithms == algorithms


def test_secret_length_counts_bytes_not_characters() -> None:
    assert Key.from_secret("ä" * 16).algorithms == {"HS256"}


@pytest.mark.parametrize("secret", ["", "short", "s" * 31])
def test_short_secret_is_refused(secret: str) -> None:
    with pytest.raises(KeyRefusedError, match=f"is {len(secret)} bytes long: HS256 needs at least 32"):
        Key.from_secret(secret)


def test_public_key_as_secret_is_refused() -> None:
    with pytest.raises(KeyRefusedError, match="known to everybody"):
        Key.from_secret(public_pem(private_key("RS256")))


@pytest.mark.parametrize(
    ("algorithm", "algorithms"),
    [
        ("RS256", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("ES256", {"ES256"}),
        ("ES384", {"ES384"}),
        ("ES512", {"ES512"}),
        ("EdDSA", {"EdDSA"}),
    ],
)
def test_public_key_serves_its_own_algorithms_only(algorithm: str, algorithms: set[str]) -> None:
    (key,) = public_keys(public_pem(private_key(algorithm)))
    assert key.algorithms == algorithms


def test_several_pem_blocks_are_several_keys() -> None:
    text = "old:\n" + public_pem(private_key("RS256")) + "\nnew:\n" + public_pem(private_key("ES256"))
    assert [len(key.algorithms) for key in public_keys(text)] == [6, 1]


def test_certificate_gives_its_key() -> None:
    private = private_key("ES256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer.example")])
    day = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    (key,) = public_keys(certificate.public_bytes(Encoding.PEM).decode())
    assert key.algorithms == {"ES256"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not a key", "holds no public key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "damaged or unknown PUBLIC KEY"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "damaged or unknown CERTIFICATE"),
        ("{", "neither PEM nor JSON"),
        ("{" * 5000, "neither PEM nor JSON"),
        ("{}", '"kty" that is not'),
        ('{"keys": []}', 'without "keys"'),
        ('{"keys": 3}', 'without "keys"'),
        ('{"keys": [3]}', "a member that is no key"),
        ('{"kty": "oct", "k": "AAAA"}', "belongs under secret"),
        ('{"kty": "RSA", "n": "AQAB"}', "not a usable JSON Web Key"),
        ('{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}', 'a "x" of 1 bytes instead of 32'),
        ('{"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}', "on a curve that no algorithm"),
        ('{"kty": "OKP", "crv": "X25519", "x": "AA"}', "on a curve that no algorithm"),
        ('{"kty": "RSA", "kty": "oct"}', "neither PEM nor JSON"),
    ],
)
def test_text_that_is_no_public_key_is_refused(text: str, reason: str) -> None:
    with pytest.raises(KeyRefusedError, match=reason):
        public_keys(text)


def test_private_key_is_refused_with_the_command_that_makes_the_public_one() -> None:
    with pytest.raises(KeyRefusedError, match="openssl pkey"):
        public_keys(private_pem(private_key("ES256")))


def test_weak_and_foreign_keys_are_refused() -> None:
    with pytest.raises(KeyRefusedError, match="RSA key of 1024 bits"):
        public_keys(public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)))
    with pytest.raises(KeyRefusedError, match="secp256k1"):
        public_keys(public_pem(ec.generate_private_key(ec.SECP256K1())))
    with pytest.raises(KeyRefusedError, match="of a type that cannot"):
        public_keys(public_pem(dsa.generate_private_key(2048)))


def jwk(algorithm: str, **members: Any) -> dict[str, Any]:
    public = private_key(algorithm).public_key()
    make: dict[str, Any] = {"R": RSAAlgorithm.to_jwk, "E": ECAlgorithm.to_jwk, "EdDSA": OKPAlgorithm.to_jwk}
    to_jwk = make.get(algorithm) or make[algorithm[0]]
    return {**to_jwk(public, as_dict=True), **members}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES512", "EdDSA"])
def test_jwk_equals_the_key_that_it_describes(algorithm: str) -> None:
    key = Key.from_jwk(jwk(algorithm, kid="k1"))
    assert algorithm in key.algorithms
    assert key.kid == "k1"
    assert repr(key).startswith("<Key k1 for ")


def test_jwk_set_gives_all_its_keys() -> None:
    assert len(public_keys(json.dumps({"keys": [jwk("RS256"), jwk("EdDSA")]}))) == 2


def test_jwk_alg_narrows_the_key() -> None:
    assert Key.from_jwk(jwk("RS256", alg="PS384")).algorithms == {"PS384"}


def test_private_jwk_verifies_with_its_public_half() -> None:
    made = ECAlgorithm.to_jwk(private_key("ES256"), as_dict=True)
    assert "d" in made
    key = Key.from_jwk(made)
    assert isinstance(key.material, ec.EllipticCurvePublicKey)


def test_symmetric_jwk_is_a_secret() -> None:
    made = HMACAlgorithm.to_jwk(b"s" * 64, as_dict=True)
    assert Key.from_jwk({**made, "alg": "HS512"}).algorithms == {"HS512"}
    with pytest.raises(KeyRefusedError, match="16 bytes"):
        Key.from_jwk({"kty": "oct", "k": base64url_encode(b"s" * 16).decode()})


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"alg": "ES256"}, "does not allow"),
        ({"alg": "none"}, "does not allow"),
        ({"alg": 7}, "does not allow"),
        ({"use": "enc"}, '"use" is not "sig"'),
        ({"key_ops": ["sign"]}, 'lack "verify"'),
        ({"key_ops": "verify"}, 'lack "verify"'),
        ({"kid": 7}, '"kid" that is no string'),
        ({"kty": "XYZ"}, '"kty"'),
        ({"kty": ["RSA"]}, '"kty"'),
        ({"n": 17}, "not a usable JSON Web Key"),
        ({"n": None}, "not a usable JSON Web Key"),
    ],
)
def test_jwk_that_is_not_for_this_is_refused(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(KeyRefusedError, match=reason):
        Key.from_jwk(jwk("RS256", **members))


def test_repr_shows_no_secret() -> None:
    assert repr(Key.from_secret("s" * 32)) == "<Key without id for HS256>"


def test_private_jwk_in_the_configuration_is_refused() -> None:
    made = ECAlgorithm.to_jwk(private_key("ES256"), as_dict=True)
    with pytest.raises(KeyRefusedError, match="is a private key"):
        public_keys(json.dumps(made))


def number(value: int) -> str:
    return base64url_encode(value.to_bytes((value.bit_length() + 7) // 8)).decode()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"e": number(1)}, "is damaged"),
        ({"e": number(65536)}, "is damaged"),
        ({"e": number((1 << 72) + 1)}, "exponent of more than 64"),
        ({"n": number((1 << 8200) + 1)}, "more than 8192 bits"),
        ({"n": number((1 << 1023) + 1)}, "RSA key of 1024 bits"),
        ({"n": "AQAB="}, "not base64url"),
        ({"n": "AQ AB"}, "not base64url"),
        ({"n": "é"}, 'has no "n"'),
        ({"e": ""}, "is damaged"),
    ],
)
def test_rsa_numbers_that_cost_or_prove_nothing_are_refused(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(KeyRefusedError, match=reason):
        Key.from_jwk(jwk("RS256", **members))


def test_point_that_is_not_on_the_curve_is_refused() -> None:
    made = jwk("ES256")
    with pytest.raises(KeyRefusedError, match="is damaged"):
        Key.from_jwk(made | {"x": made["y"], "y": made["x"]})


def test_certificates_in_a_key_change_nothing() -> None:
    made = jwk("ES256", kid="k1")
    chained = Key.from_jwk(made | {"x5c": ["not a certificate"], "x5u": "http://127.0.0.1:1/", "x5t": "?"})
    assert chained.material == Key.from_jwk(made).material


# -- sets that an issuer publishes


def published(*members: Any) -> bytes:
    return json.dumps({"keys": list(members)}).encode()


def test_members_of_a_set_that_cannot_be_used_are_left_out() -> None:
    secret = {"kty": "oct", "k": base64url_encode(b"s" * 64).decode()}
    leaked = ECAlgorithm.to_jwk(private_key("ES384"), as_dict=True)
    future = {"kty": "AKP", "alg": "ML-DSA-44"}
    encrypting = jwk("RS256", use="enc", kid="k2")
    found = KeySet.read(published(secret, leaked, future, encrypting, 7, jwk("ES256", kid="k1")))
    assert [key.kid for key in found.keys] == ["k1"]
    assert [reason.split(" ")[0] for reason in found.refused] == [f"keys[{index}]" for index in range(5)]
    assert "published" in found.refused[0]
    assert "published" in found.refused[1]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "is no JWK set"),
        (b"<html>", "is no JWK set"),
        (b"[]", 'no list "keys"'),
        (b"{}", 'no list "keys"'),
        (b'{"keys": {}}', 'no list "keys"'),
        (b'{"keys": [], "keys": []}', "is no JWK set"),
        (b'{"keys": []}', "no usable key"),
        (published(*[{}] * (SET_KEYS + 1)), f"has {SET_KEYS + 1} keys"),
    ],
)
def test_document_that_is_no_set_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(KeyRefusedError, match=reason):
        KeySet.read(document)


def test_kid_chooses_and_never_falls_back() -> None:
    found = KeySet.read(published(jwk("RS256", kid="r"), jwk("ES256", kid="e"), jwk("ES384")))
    assert [key.kid for key in found.choose("r", "RS256")] == ["r"]
    assert found.choose("r", "ES256") == ()
    assert found.choose("unknown", "RS256") == ()
    assert found.choose("", "ES384") == ()
    assert found.knows("e")
    assert not found.knows("")


def test_token_without_kid_needs_a_key_that_is_the_only_one_for_its_algorithm() -> None:
    found = KeySet.read(published(jwk("RS256", kid="old"), jwk("RS256", kid="new"), jwk("ES256", kid="e")))
    assert found.choose(None, "RS256") == ()
    assert len(found.choose(None, "ES256")) == 1


def test_digest_changes_with_the_keys_and_not_with_their_order_or_other_members() -> None:
    one, two = jwk("RS256", kid="r"), jwk("ES256", kid="e")
    first = KeySet.read(published(one, two)).digest
    assert KeySet.read(published(two | {"x5t": "AAAA"}, one)).digest == first
    assert KeySet.read(published(one)).digest != first
    assert KeySet.read(published(one, two | {"kid": "f"})).digest != first
    assert KeySet.read(published(one | {"alg": "RS256"}, two)).digest != first


def test_written_keys_are_all_tried_whatever_the_kid() -> None:
    keys = WrittenKeys([Key.from_jwk(jwk("RS256", kid="r")), Key.from_secret("s" * 64)])
    assert len(keys.choose("unknown", "RS256")) == 1
    assert keys.knows("unknown")
    assert keys.trusted
