"""HTTP message signatures as a proof: the RFC's own, others', and what makes one wrong."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from portico.config.models.identity.http_signature import SignatureSettings
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.fields import Field
from portico.exchange.identity import Identity
from portico.http.digest import content_digest
from portico.http.signature_algorithms import JOSE, sign
from portico.http.signature_base import Coverage, Message
from portico.http.structured import dictionary
from portico.identity.http_signature import HttpSignatureProof
from portico.identity.signature_block import signature_proof
from portico.rules import Limits
from tests.unit.http import rfc9421
from tests.unit.http.rfc9421 import VECTORS
from tests.unit.identity.signed import NOW, Away, TestMeans, asked, reason, verdict
from tests.unit.identity.signing import private_key, public_pem

SECRET = "a secret of the tests that is long enough for a signature"
SHARED = SECRET.encode()
KEYS: dict[str, Any] = {
    "test-key-rsa-pss": {"public_key": rfc9421.RSA_PSS, "tenant": "shop", "roles": ["agent"]},
    "test-key-ed25519": {"public_key": rfc9421.ED25519},
    "ours-es": {"public_key": public_pem(private_key("ES256")), "subject": "robot"},
    "ours-hs": {"secret": SECRET},
}
WHOLE = '"@method" "@target-uri"'
BODY = b'{"hello": "world"}'


def proof(store: Any = None, keys: dict[str, Any] | None = None, **more: Any) -> HttpSignatureProof:
    settings = SignatureSettings.model_validate({"keys": keys or KEYS, **more})
    means = TestMeans(store)
    found = signature_proof("machines", settings, means)
    assert found is not None, means.problems
    return found


def signed(
    components: str = WHOLE,
    parameters: str = f";created={int(NOW)}",
    *,
    keyid: str = "ours-hs",
    method: bytes = b"GET",
    target: bytes = b"/orders?x=1",
    body: bytes = b"",
    label: str = "sig1",
    algorithm: str = "hmac-sha256",
    key: Any = SHARED,
    fields: tuple[Field, ...] = (),
    scheme: bytes = b"https",
    authority: bytes = b"example.com",
) -> tuple[Field, ...]:
    """The fields of a request with this signature, the digest of the body among them."""
    if body:
        fields = (*fields, (b"content-digest", content_digest(body)))
    told = f'{label}=({components}){parameters};keyid="{keyid}"'.encode()
    (member,) = dictionary([told]).values()
    message = Message.of_request(method, target, scheme, authority, [(b"host", authority), *fields])
    return *fields, (b"signature-input", told), _signature(label, algorithm, key, member, message)


def _signature(label: str, algorithm: str, key: Any, member: Any, message: Message) -> Field:
    value = base64.b64encode(sign(algorithm, key, Coverage.read(member).base(message)))
    return b"signature", b"%b=:%b:" % (label.encode(), value)


def sent(
    fields: tuple[Field, ...], method: bytes = b"GET", target: bytes = b"/orders?x=1", body: bytes = b""
) -> Exchange:
    return asked(method, target, body, *fields)


def changed(fields: tuple[Field, ...], name: bytes, old: bytes, new: bytes) -> tuple[Field, ...]:
    return tuple((field, value.replace(old, new) if field == name else value) for field, value in fields)


def of_the_rfc(section: str, body: bytes = rfc9421.BODY) -> Exchange:
    _, message, _, _, told, signature = next(vector for vector in VECTORS if vector[0] == section)
    label = told.partition("=")[0]
    fields = (
        *message.fields,
        (b"signature-input", told.encode()),
        (b"signature", f"{label}=:{signature}:".encode()),
    )
    return asked(b"POST", rfc9421.TARGET, body, *fields)


def test_a_signature_of_the_rfc_proves_its_key() -> None:
    found = verdict(proof(), of_the_rfc("B.2.3"))
    assert isinstance(found, Identity)
    assert (found.subject, found.tenant, found.roles) == ("test-key-rsa-pss", "shop", ("agent",))
    assert (b"x-tenant-source", b"service") in found.fields


def test_a_body_that_was_changed_behind_the_digest() -> None:
    assert "sha-512" in reason(proof(), of_the_rfc("B.2.3", b'{"hello": "mallory"}'))


@pytest.mark.parametrize("section", ["B.2.1", "B.2.2", "B.2.6"])
def test_signatures_of_the_rfc_that_cover_too_little(section: str) -> None:
    assert reason(proof(), of_the_rfc(section)).startswith("it does not cover")


@pytest.mark.parametrize("algorithm", JOSE)
def test_every_algorithm(algorithm: str) -> None:
    jose = JOSE[algorithm]
    private: Any = SECRET.encode() if jose == "HS256" else private_key(jose)
    held = {"secret": SECRET} if jose == "HS256" else {"public_key": public_pem(private)}
    ours = proof(keys={"k": {**held, "algorithm": algorithm}})
    fields = signed(keyid="k", algorithm=algorithm, key=private)
    assert isinstance(verdict(ours, sent(fields)), Identity)
    assert "not that of its key" in reason(
        ours, sent(signed(keyid="k", key=b"another secret of thirty-two bytes"))
    )


@pytest.mark.parametrize(
    "components",
    [
        WHOLE,
        '"@method" "@authority" "@path" "@query"',
        '"@query" "@path" "@authority" "@method" "host"',
        '"@method" "@authority" "@request-target"',
    ],
)
def test_the_whole_target_can_be_covered_in_several_ways(components: str) -> None:
    assert isinstance(verdict(proof(), sent(signed(components))), Identity)


def test_a_query_that_is_not_there_need_not_be_covered() -> None:
    components = '"@method" "@authority" "@path"'
    assert isinstance(
        verdict(proof(), sent(signed(components, target=b"/orders"), target=b"/orders")), Identity
    )
    for target in (b"/orders?", b"/orders?x=1"):
        assert "target" in reason(proof(), sent(signed(components, target=target), target=target))


@pytest.mark.parametrize(
    "components",
    [
        "",
        '"@method"',
        '"@target-uri"',
        '"@method" "@path" "@query"',
        '"@method" "@authority" "@path" "@query-param";name="x"',
    ],
)
def test_too_little_is_covered(components: str) -> None:
    assert reason(proof(), sent(signed(components))).startswith("it does not cover")


def test_a_body_must_be_covered() -> None:
    fields = (*signed(method=b"POST"), (b"content-digest", content_digest(BODY)))
    assert "the body" in reason(proof(), sent(fields, b"POST", body=BODY))
    fields = signed(f'{WHOLE} "content-digest"', method=b"POST", body=BODY)
    assert isinstance(verdict(proof(), sent(fields, b"POST", body=BODY)), Identity)
    assert "sha-256" in reason(proof(), sent(fields, b"POST", body=BODY + b" "))
    assert "sha-256" in reason(proof(), sent(fields, b"POST", body=b""))


def test_components_that_are_configured_are_demanded() -> None:
    ours = proof(components=["@method", "@path", "x-order"])
    order = ((b"x-order", b"7"),)
    assert "x-order" in reason(ours, sent(signed('"@method" "@path"', fields=order)))
    assert isinstance(verdict(ours, sent(signed('"@method" "@path" "x-order"', fields=order))), Identity)


@pytest.mark.parametrize(
    "x",
    [
        sent(signed(), method=b"DELETE"),
        sent(signed(), target=b"/orders?x=2"),
        sent(signed(), target=b"/orders"),
        sent(signed(), target=b"/%6frders?x=1"),
        asked(b"GET", b"/orders?x=1", b"", *signed(), authority=b"example.org"),
        asked(b"GET", b"/orders?x=1", b"", *signed(), scheme=b"http"),
        sent(changed(signed(), b"signature-input", b"ours-hs", b"ours-es")),
        sent(changed(signed(), b"signature-input", b"created=1618884480", b"created=1618884481")),
        sent(
            changed(signed(), b"signature-input", b';keyid="ours-hs"', b';keyid="ours-hs";expires=1918884481')
        ),
        sent(signed(key=SECRET.encode() + b"!")),
        sent(changed(signed(), b"signature", b"sig1=:", b"sig1=:AAAA")),
        sent(
            signed(keyid="ours-es", key=public_pem(private_key("ES256")).encode())
        ),  # a public key as a secret
    ],
)
def test_what_is_changed_is_not_signed(x: Exchange) -> None:
    assert reason(proof(), x) == "it is not that of its key for this request"


def test_the_message_does_not_choose_the_algorithm() -> None:
    parameters = f';created={int(NOW)};alg="%s"'
    assert isinstance(verdict(proof(), sent(signed(parameters=parameters % "hmac-sha256"))), Identity)
    for algorithm in ("ecdsa-p256-sha256", "HS256", "none", ""):
        assert "alg" in reason(proof(), sent(signed(parameters=parameters % algorithm)))


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ("", "created"),
        (";created=1618884479.0", "whole number"),
        (';created="1618884480"', "whole number"),
        (";created", "whole number"),
        (";created=@1618884480", "whole number"),
        (f";created={int(NOW) - 301}", "too far"),
        (f";created={int(NOW) + 301}", "too far"),
        (f";created={int(NOW)};expires={int(NOW)}", "expired"),
        (f";created={int(NOW)};nonce=token", "nonce is no string"),
        (f";created={int(NOW)};tag=1", "tag is no string"),
        (f";created={int(NOW)};created={int(NOW)}", "twice"),
    ],
)
def test_parameters_that_are_wrong(parameters: str, why: str) -> None:
    told = f'sig1=({WHOLE}){parameters};keyid="ours-hs"'.encode()
    assert why in reason(proof(), sent(((b"signature-input", told), (b"signature", b"sig1=:AAAA:"))))


def test_the_edges_of_the_window() -> None:
    for away_s in (300, -300):
        fields = signed(parameters=f";created={int(NOW) + away_s}")
        assert isinstance(verdict(proof(), sent(fields)), Identity)
        assert "too far" in reason(proof(window="10s"), sent(fields))


@pytest.mark.parametrize("keyid", ["someone", "OURS-HS"])
def test_an_unknown_key(keyid: str) -> None:
    assert reason(proof(), sent(signed(keyid=keyid))) == "its key is not known"


def test_a_key_by_a_token_is_no_key() -> None:
    told = f"sig1=({WHOLE});created={int(NOW)};keyid=ours-hs".encode()
    assert reason(proof(), sent(((b"signature-input", told), (b"signature", b"sig1=:AAAA:"))))


def test_a_signature_is_good_once() -> None:
    ours = proof()
    assert isinstance(verdict(ours, sent(signed())), Identity)
    assert reason(ours, sent(signed())) == "it was used before"
    assert reason(ours, sent(signed(label="other"))) == "it was used before"
    assert isinstance(verdict(ours, sent(signed(target=b"/"), target=b"/")), Identity)


def test_a_nonce_is_good_once_whatever_it_stands_beside() -> None:
    ours = proof(nonce=True)
    parameters = f';created={int(NOW)};nonce="n-1"'
    assert isinstance(verdict(ours, sent(signed(parameters=parameters))), Identity)
    assert reason(ours, sent(signed(parameters=parameters, target=b"/"), target=b"/")) == "it was used before"
    assert isinstance(verdict(ours, sent(signed(parameters=parameters.replace("n-1", "n-2")))), Identity)
    assert reason(ours, sent(signed())) == "it has no nonce"


def test_the_other_signature_that_ecdsa_has_for_the_same_text_is_a_replay() -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    ours = proof()
    fields = signed(keyid="ours-es", algorithm="ecdsa-p256-sha256", key=private_key("ES256"))
    raw = base64.b64decode(fields[-1][1].removeprefix(b"sig1=:").removesuffix(b":"))
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    assert decode_dss_signature(encode_dss_signature(r, s)) == (r, s)
    twin = base64.b64encode(r.to_bytes(32) + (order - s).to_bytes(32))
    other = (*fields[:-1], (b"signature", b"sig1=:%b:" % twin))
    assert isinstance(verdict(proof(), sent(other)), Identity)  # it is right
    assert isinstance(verdict(ours, sent(fields)), Identity)
    assert reason(ours, sent(other)) == "it was used before"


def test_without_the_store_nobody_passes() -> None:
    found = verdict(proof(Away(Limits(1))), sent(signed()))
    assert isinstance(found, Failure)
    assert found.status == 503


def test_a_wrong_body_spends_no_nonce() -> None:
    ours = proof()
    fields = signed(f'{WHOLE} "content-digest"', f';created={int(NOW)};nonce="n"', body=BODY)
    reason(ours, sent(fields, body=BODY + b" "))
    assert isinstance(verdict(ours, sent(fields, body=BODY)), Identity)


def test_signatures_of_others_are_left_alone() -> None:
    stranger = signed(label="cdn", keyid="cdn-key")
    both = ((b"signature-input", b", ".join((signed()[0][1], stranger[0][1]))), signed()[1], stranger[1])
    assert isinstance(verdict(proof(), sent(both)), Identity)
    twice = (*signed(), *signed(label="sig2", keyid="ours-hs"))
    assert reason(proof(), sent(twice)) == "more than one signature could count"


def test_a_tag_chooses() -> None:
    ours = proof(tag="app")
    tagged = f';created={int(NOW)};tag="app"'
    assert verdict(ours, sent(signed())) is None
    assert isinstance(verdict(ours, sent((*signed(label="sig2"), *signed(parameters=tagged)))), Identity)
    assert reason(ours, sent(signed(parameters=tagged, keyid="someone"))) == "its key is not known"


@pytest.mark.parametrize(
    "fields",
    [
        ((b"signature-input", b""),),
        ((b"signature-input", b"sig1"),),
        ((b"signature-input", b'sig1="text"'),),
        ((b"signature-input", b"sig1=("),),
        signed()[:1],
        ((b"signature-input", signed()[0][1]), (b"signature", b"other=:AAAA:")),
        ((b"signature-input", signed()[0][1]), (b"signature", b'sig1="AAAA"')),
        ((b"signature-input", signed()[0][1]), (b"signature", b"sig1=:AA")),
        (*signed(), *signed()),
    ],
)
def test_what_is_no_signature(fields: tuple[Field, ...]) -> None:
    assert reason(proof(), sent(fields))


def test_without_a_signature_another_method_is_asked() -> None:
    assert verdict(proof(), sent(())) is None
    assert verdict(proof(), sent(signed()[1:])) is None


def test_a_trusted_proxy_says_how_the_client_spelled_the_address() -> None:
    said = ((b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"Shop.test"))
    fields = (*signed(authority=b"shop.test"), *said)
    for trusted in (True, False):
        x = asked(
            b"GET",
            b"/orders?x=1",
            b"",
            *fields,
            scheme=b"http",
            authority=b"inner:3000",
            trusted=trusted,
        )
        assert isinstance(verdict(proof(), x), Identity if trusted else Failure)


@pytest.mark.parametrize(
    ("held", "problem"),
    [
        ({}, "keys.k: needs one of public_key and secret, and not both"),
        ({"public_key": rfc9421.ED25519, "secret": SECRET}, "keys.k: needs one of"),
        ({"secret": "short"}, "keys.k.secret: is 5 bytes long"),
        ({"public_key": "nonsense"}, "keys.k.public_key: holds no public key"),
        (
            {"public_key": rfc9421.ED25519, "algorithm": "rsa-pss-sha512"},
            "keys.k.public_key: is no key for rsa-pss",
        ),
        ({"public_key": rfc9421.RSA, "algorithm": "hmac-sha256"}, "keys.k.public_key: is no key for hmac"),
        (
            {"public_key": public_pem(private_key("ES512"))},
            "keys.k.public_key: is of a type that signs no messages",
        ),
        ({"public_key": rfc9421.RSA + rfc9421.ED25519}, "keys.k.public_key: is no key for rsa-pss-sha512"),
        ({"public_key": rfc9421.RSA * 3}, "keys.k.public_key: holds 3 keys"),
    ],
)
def test_keys_that_cannot_be(held: dict[str, Any], problem: str) -> None:
    means = TestMeans()
    assert signature_proof("machines", SignatureSettings.model_validate({"keys": {"k": held}}), means) is None
    assert len(means.problems) == 1
    assert means.problems[0].startswith(problem)


def test_a_jwk_says_itself_what_it_signs_with() -> None:
    jwk = '{"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"%s}'
    ours = proof(keys={"test-key-ed25519": {"public_key": jwk % ""}}, components=["@method"])
    assert repr(ours) == "<HttpSignatureProof machines 1 keys>"
    means = TestMeans()
    held = {"public_key": jwk % ', "alg": "EdDSA"', "algorithm": "ecdsa-p256-sha256"}
    assert signature_proof("machines", SignatureSettings.model_validate({"keys": {"k": held}}), means) is None


@pytest.mark.parametrize("components", [[], ["@status"], ["Host"], ['"host"'], ["host;sf"], ["host", "host"]])
def test_components_that_cannot_be(components: list[str]) -> None:
    with pytest.raises(ValueError, match="."):
        SignatureSettings.model_validate({"keys": KEYS, "components": components})
