"""Whatever bytes stand in the fields of signatures and proofs: they prove nobody, and nothing breaks."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.http.digest import content_digest, wrong_digest
from portico.http.signature_base import BaseError, Coverage, Message
from portico.http.structured import StructureError, dictionary
from tests.unit.identity import test_bound as bound
from tests.unit.identity import test_hmac_signature as hmac_signature
from tests.unit.identity import test_http_signature as http_signature
from tests.unit.identity.signed import verdict

WORDS = (
    *(
        '"@method"',
        '"@target-uri"',
        '"@query-param"',
        '"@status"',
        '"x"',
        '"X"',
        '"content-digest"',
        '"host"',
    ),
    *("(", ")", ";", "=", ",", " ", "\t", ":", "?1", "@1618884480", '"', "%", "é", "\x00", "\\"),
    *(
        "sig1=",
        "sig2=",
        ";created=1618884480",
        ";created",
        ';keyid="ours-hs"',
        ";keyid=ours-hs",
        ";keyid=:AA==:",
    ),
    *(
        ';nonce="n"',
        ";expires=1.5",
        ';alg="none"',
        ";sf",
        ";bs",
        ";key",
        ';key="a"',
        ';name="x"',
        ";req",
        ";tr",
    ),
    *(":AAAA:", "=:AAAA:", ":A:", "999999999999999", "1e9", "-1", "1.2345", '%"c3%a9"', "token", "*/*"),
)
FIELD = st.lists(st.sampled_from(WORDS), max_size=12).map(lambda words: "".join(words).encode("utf-8"))
PROOF = http_signature.proof()
HMAC = hmac_signature.proof()
DPOP = bound.proof()


@given(FIELD, FIELD, st.one_of(st.none(), FIELD))
@settings(max_examples=300, deadline=None)
@example(b'sig1=("@method" "@target-uri");created=1618884480;keyid="ours-hs"', b"sig1=:AAAA:", None)
@example(b'sig1=("x";key=:AA==: "x";sf=?0);created=1618884480;keyid="ours-hs"', b"sig1=:AAAA:", b"a=1")
def test_no_bytes_prove_anybody_by_a_signature(told: bytes, signature: bytes, x: bytes | None) -> None:
    fields = ((b"signature-input", told), (b"signature", signature), *(() if x is None else ((b"x", x),)))
    found = verdict(PROOF, http_signature.sent(fields))
    assert isinstance(found, Failure)
    assert found.status == 401


@given(st.one_of(FIELD, st.binary(max_size=200)))
@settings(max_examples=200, deadline=None)
def test_no_bytes_prove_anybody_by_hmac_or_dpop(value: bytes) -> None:
    for found in (
        verdict(HMAC, hmac_signature.sent(value)),
        verdict(DPOP, bound.sent(b"DPoP " + bound.OURS, value)),
    ):
        assert not isinstance(found, Identity)
        assert found is None or found.status == 401


@given(FIELD)
@settings(max_examples=200, deadline=None)
def test_what_has_a_base_is_written_in_one_way(told: bytes) -> None:
    try:
        members = dictionary([b"s=" + told])
        coverage = Coverage.read(members["s"])
    except (StructureError, BaseError, KeyError):
        return
    again = Coverage.read(dictionary([b"s=" + coverage.text.encode()])["s"])
    assert again.text == coverage.text
    message = Message.of_request(b"GET", b"/?x=1", b"https", b"a.test", [(b"x", b"a=1")])
    try:
        base = coverage.base(message)
    except BaseError:
        return
    assert len(base.split(b"\n")) == len(coverage.components) + 1  # no component breaks out of its line
    assert base == again.base(message)


@given(st.binary(max_size=100), st.binary(max_size=100))
@settings(max_examples=100, deadline=None)
def test_a_digest_is_that_of_one_body(body: bytes, other: bytes) -> None:
    for algorithm in ("sha-256", "sha-512"):
        told = content_digest(body, algorithm)
        assert bool(wrong_digest([told], other)) == (body != other)
