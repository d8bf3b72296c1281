"""Signature bases: the RFC's own signatures, what each component is, and what has no base."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from portico.http.signature_algorithms import verifies
from portico.http.signature_base import BaseError, Component, Coverage, Message, plain_authority
from portico.http.structured import StructureError, dictionary
from tests.unit.http import rfc9421
from tests.unit.http.rfc9421 import VECTORS, transformed


def key_of(written: str | bytes) -> Any:
    return written if isinstance(written, bytes) else load_pem_public_key(written.encode())


def coverage(signature_input: str) -> Coverage:
    (member,) = dictionary([signature_input.encode()]).values()
    return Coverage.read(member)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_signatures_of_the_rfc_verify(vector: tuple[str, Message, str, str | bytes, str, str]) -> None:
    _, message, algorithm, key, told, signature = vector
    base = coverage(told).base(message)
    assert verifies(algorithm, key_of(key), base, base64.b64decode(signature))
    assert not verifies(algorithm, key_of(key), base + b" ", base64.b64decode(signature))


def test_a_base_is_the_one_that_the_rfc_prints() -> None:
    told = (
        'sig1=("@method" "@authority" "@path" "content-digest" "content-length" "content-type")'
        ';created=1618884473;keyid="test-key-rsa-pss"'
    )
    assert coverage(told).base(rfc9421.request()) == b"\n".join(
        (
            b'"@method": POST',
            b'"@authority": example.com',
            b'"@path": /foo',
            b'"content-digest": ' + rfc9421.SHA_512,
            b'"content-length": 18',
            b'"content-type": application/json',
            b'"@signature-params": ' + told.encode().removeprefix(b"sig1="),
        )
    )


@pytest.mark.parametrize(
    ("message", "good"),
    [
        (transformed(target=b"/demo?name1=Value1&Name2=value2&param=added"), True),
        (
            transformed(accept=(b"application/json, */*",), more=((b"referer", b"https://d.example.org/"),)),
            True,
        ),
        (transformed(accept=(b" application/json  ", b"\t*/*")), True),
        (transformed(method=b"POST", authority=b"example.com"), False),
        (transformed(accept=(b"*/*", b"application/json")), False),
    ],
)
def test_what_a_signature_survives(message: Message, good: bool) -> None:
    _, _, algorithm, key, told, signature = next(vector for vector in VECTORS if vector[0] == "B.4")
    base = coverage(told).base(message)
    assert verifies(algorithm, key_of(key), base, base64.b64decode(signature)) is good


MESSAGE = Message.of_request(
    b"GET",
    b"/p%61th/?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&two=1&two=2&empty=",
    b"https",
    b"Example.COM:443",
    [
        (b"example-dict", b" a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        (b"x-obs", b"  leading and trailing  "),
        (b"x-twice", b"one"),
        (b"x-twice", b"value, with, commas"),
        (b"x-bytes", b"caf\xe9"),
        (b"cache-control", b"max-age=60,    must-revalidate"),
        (b"x-empty", b""),
    ],
)


@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        ('"@method"', b"GET"),
        ('"@scheme"', b"https"),
        ('"@authority"', b"example.com"),
        ('"@path"', b"/p%61th/"),
        ('"@query-param";name="var"', b"this%20is%20a%20big%0Amultiline%20value"),
        ('"@query-param";name="bar"', b"with%20plus%20whitespace"),
        ('"@query-param";name="fa%C3%A7ade%22%3A%20"', b"something"),
        ('"@query-param";name="empty"', b""),
        ('"x-obs"', b"leading and trailing"),
        ('"x-empty"', b""),
        ('"x-twice"', b"one, value, with, commas"),
        ('"x-twice";bs', b":b25l:, :dmFsdWUsIHdpdGgsIGNvbW1hcw==:"),
        ('"x-bytes";bs', b":Y2Fm6Q==:"),
        ('"example-dict";key="a"', b"1"),
        ('"example-dict";key="b"', b"2;x=1;y=2"),
        ('"example-dict";key="c"', b"(a b c)"),
        ('"example-dict";key="d"', b"?1"),
        ('"cache-control";sf', b"max-age=60, must-revalidate"),
    ],
)
def test_the_value_of_a_component(identifier: str, value: bytes) -> None:
    (component,) = coverage(f"s=({identifier})").components
    assert component.text == identifier
    assert MESSAGE.value(component) == value


@pytest.mark.parametrize(
    "identifier",
    [
        '"@status"',
        '"@signature-params"',
        '"@method";req',
        '"@method";sf',
        '"@anything"',
        '"@query-param"',
        '"@query-param";name="two"',
        '"@query-param";name="absent"',
        '"@query-param";name=1',
        '"@query-param";name="var";sf',
        '"x-absent"',
        '"x-obs";tr',
        '"x-obs";req',
        '"x-obs";sf',
        '"x-obs";foo',
        '"x-bytes"',
        '"x-twice";bs;sf',
        '"example-dict";key="z"',
        '"x-obs";key="a"',
        '"X-Obs"',
        "x-obs",
        '"x-obs" "x-obs"',
        '"example-dict";sf;key="a" "example-dict";key="a";sf',
    ],
)
def test_what_has_no_base(identifier: str) -> None:
    with pytest.raises(BaseError):
        coverage(f"s=({identifier})").base(MESSAGE)


@pytest.mark.parametrize(
    ("target", "whole", "path", "query"),
    [
        (b"/", b"https://a.test/", b"/", b"?"),
        (b"/a?", b"https://a.test/a?", b"/a", b"?"),
        (b"/a/../b?x=%20", b"https://a.test/a/../b?x=%20", b"/a/../b", b"?x=%20"),
        (b"https://a.test", b"https://a.test/", b"/", b"?"),
        (b"https://a.test?x", b"https://a.test/?x", b"/", b"?x"),
        (b"https://a.test/x?y=/", b"https://a.test/x?y=/", b"/x", b"?y=/"),
    ],
)
def test_targets(target: bytes, whole: bytes, path: bytes, query: bytes) -> None:
    derived = Message.of_request(b"GET", target, b"https", b"a.test", []).derived
    assert (derived["@target-uri"], derived["@path"], derived["@query"]) == (whole, path, query)
    assert derived["@request-target"] == target


def test_a_port_that_the_scheme_has_anyway_is_left_out() -> None:
    assert plain_authority(b"https", b"A.test:443") == b"a.test"
    assert plain_authority(b"http", b"a.test:443") == b"a.test:443"
    assert plain_authority(b"http", b"a.test:80") == b"a.test"


def test_only_whole_components_count_as_covered() -> None:
    found = coverage('s=("@method" "@query-param";name="a" "content-digest";bs "date")')
    assert found.plain == {"@method", "date"}


@pytest.mark.parametrize(
    "told", ['s=("a"), s=("b")', 's=("a");created=1;created=2', 's=("a"', 's=("a"),', "é=1"]
)
def test_what_is_not_well_structured(told: str) -> None:
    with pytest.raises(StructureError):
        dictionary([told.encode()])


def test_too_many_components() -> None:
    with pytest.raises(BaseError):
        Coverage([Component(f"x-{number}", {}) for number in range(65)], {})
