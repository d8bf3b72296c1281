"""Whatever stands where a token should, the answer is an identity, a refusal, or that there is none, and no exception;
an identity only for a token that an independent check finds signed, spelled in its one form, and in time, and what a
service is told of it is plain ASCII.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, cast

from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.request import Request
from portico.identity.claims import ClaimRules
from portico.identity.jws import TokenError, verify
from portico.identity.jwt import JwtProof
from portico.identity.keys import Key, public_keys

NOW = 1_800_000_000.0
_SECRET = b"a-secret-of-thirty-two-bytes-or-more"
_ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA")
# The public halves of keys that were made for this file; nobody has the others.
_PUBLIC = {
    "keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": "fkSlXpnTra3HwndMTtHrxeYLy7TktJ3apSmrLPXH6Aw"},
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "Gz66NWpPQ05AM0IRdaG5SCwDyzswlyElnVnqrPuxXLU",
            "y": "DNxdWYVUSgRbTyiwI9MBS4CpikNNpboFBI0qjBj6Lok",
        },
    ]
}

HEADER = b'{"alg":"HS256","typ":"JWT"}'
CLAIMS = b'{"sub":"u1","exp":1900000000,"iat":1700000000,"role":["admin"],"tenant_id":"t1","aud":[]}'


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _signed(header: bytes, claims: bytes) -> bytes:
    text = _encoded(header) + b"." + _encoded(claims)
    return text + b"." + _encoded(hmac.digest(_SECRET, text, "sha256"))


SEEDS = (
    b"\x01" + HEADER + b"\n" + CLAIMS,
    b"\x01"
    + b'{"alg":"HS256","kid":"k","b64":true}'
    + b"\n"
    + b'{"sub":7,"exp":1800000001,"nbf":1800000000,"type":"access"}',
    b"\x01" + HEADER + b"\n" + b'{"exp":1900000000,"sub":"u1"}',
    b"\x00Bearer " + _signed(HEADER, CLAIMS),
    b"\x00bearer  " + _signed(b'{"alg":"none"}', CLAIMS),
    b"\x02" + b'{"alg":"EdDSA"}\n' + CLAIMS,
    b"\x02" + b'{"alg":"ES256"}\n' + CLAIMS,
    b"\x00Basic abc",
    b"\x03" + _signed(HEADER, CLAIMS)[-1:],
    b"\x04" + b"u1",
)
WORDS = (
    b"Bearer ", b"bearer ", b".", b"=", b"\n", b'"alg":"HS256"', b'"alg":"none"', b'"alg":"HS512"',
    b'"alg":"ES256"', b'"alg":"EdDSA"', b'"crit":["a"]', b'"crit":[],', b'"b64":false', b'"kid":1', b'"jku":"http://a"',
    b'"sub":', b'"exp":', b'"nbf":',
    b'"nbf":1900000000,', b'"iat":', b'"aud":', b'"iss":', b'"role":', b'"type":"refresh"',
    b'"email":', b'"tenant_id":', b'"jti":', b"null", b"true", b"1e400", b"NaN", b"-Infinity",
    b"1900000000", b"99999999999999999999", b'"\\ud800"', b'"\\u000a"', b"\\u000a", b'"a,b"', b"[]", b"{}", b"[[[[",
    b",", b":", b"\xff", b'""', b'"\xc3\xa9"',
)  # fmt: skip
BREAKS = rb"\n,{."  # where a line of it ends, as a set of a pattern
MAX_BYTES = 1024


def check(data: bytes) -> None:
    """A field as it comes; header and claims that are rightly signed; the same with a signature of nothing; the end
    of a token that is right but for it; a caller of any name."""
    if not data:
        return
    proof = JwtProof(
        "users",
        [Key.from_secret(_SECRET), *public_keys(json.dumps(_PUBLIC))],
        _ALGORITHMS,
        ClaimRules(),
    )
    kind, rest = data[0] % 5, data[1:]
    value = rest
    if kind == 3:
        value = b"Bearer " + _signed(HEADER, CLAIMS)[:-1] + rest
    elif kind == 4:
        value = b"Bearer " + _signed(
            HEADER, json.dumps({"sub": rest.decode("latin-1"), "exp": NOW + 5}).encode()
        )
    elif kind:
        header, _, claims = rest.partition(b"\n")
        token = _signed(header, claims)
        if kind == 2:
            token = token[: token.rindex(b".") + 1] + _encoded(b"\0" * 64)
        value = b"Bearer " + token
    x = Exchange(cast(Any, None), Request(), 0.0)
    x.request.fields = [(b"authorization", value)]
    found = proof.prove(x, NOW)
    again = proof.prove(x, NOW)
    assert type(found) is type(again), "remembering changes the answer"
    if isinstance(found, Identity):
        _judge(value, found)
    else:
        assert found is None or (isinstance(found, Failure) and found.status == 401), found
        if found is None:
            assert value[:7].lower() != b"bearer " or not value[7:].strip(b" "), value
    _try_alone(rest)


def _try_alone(token: bytes) -> None:
    try:
        verify(token, [Key.from_secret(_SECRET)], _ALGORITHMS)
    except TokenError as error:
        said = str(error)
    else:
        said = "it is signed"
    assert said.isprintable(), said


def _judge(value: bytes, identity: Identity) -> None:
    scheme, _, token = value.partition(b" ")
    assert scheme.lower() == b"bearer"
    header, claims, signature = token.strip(b" ").split(b".")
    for part in (header, claims, signature):
        assert _encoded(urlsafe_b64decode(part + b"=" * (-len(part) % 4))) == part, "another spelling"
    told = json.loads(urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    names = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
    wanted = hmac.digest(_SECRET, header + b"." + claims, names[told["alg"]])
    assert _encoded(wanted) == signature, "a signature of nobody"
    assert "crit" not in told
    held = json.loads(urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))
    assert held["exp"] + 60 > NOW, "expired"
    assert held.get("nbf") is None or held["nbf"] - 60 <= NOW, "not yet"
    assert held.get("type") != "refresh"
    assert not held.get("aud"), "for somebody else"
    assert identity.subject == str(held["sub"])
    for line in identity.lines.split(b"\r\n")[:-1]:
        name, _, text = line.partition(b": ")
        assert name in (b"x-user-id", b"x-user-role", b"x-tenant-id", b"x-tenant-source"), line
        assert re.fullmatch(rb"[!-~](?:[ -~]*[!-~])?", text), line


if __name__ == "__main__":
    from .__main__ import alone

    alone("tokens")
