"""Content-Digest: the RFCs' own digests, and what does not count as one."""

from __future__ import annotations

import pytest

from portico.http.digest import content_digest, wrong_digest
from tests.unit.http.rfc9421 import BODY, SHA_512

# RFC 9530 appendix D, for {"hello": "world"} with a line feed behind it; RFC 9421 section 1.1, without.
FED = BODY + b"\n"
FED_256 = b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
FED_512 = (
    b"sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"
)
SHA_256 = b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"


def test_digests_of_the_rfcs() -> None:
    assert content_digest(FED) == FED_256
    assert content_digest(FED, "sha-512") == FED_512
    assert content_digest(BODY) == SHA_256
    assert content_digest(BODY, "sha-512") == SHA_512


@pytest.mark.parametrize("told", [[FED_256], [FED_512], [FED_256, FED_512], [FED_512 + b", " + FED_256]])
def test_a_digest_that_fits(told: list[bytes]) -> None:
    assert not wrong_digest(told, FED)


@pytest.mark.parametrize("told", [[b"md5=:AAAA:, " + FED_256], [b"unixsum=17, " + FED_512]])
def test_older_algorithms_neither_help_nor_harm(told: list[bytes]) -> None:
    assert not wrong_digest(told, FED)


@pytest.mark.parametrize(
    "told",
    [
        [],
        [b""],
        [b"md5=:Sd/dVLAcvNLSq16eXua5uQ==:"],
        [SHA_256],
        [FED_256, SHA_512],  # each that is known must fit
        [FED_256, FED_256],
        [b"sha-256=RK"],
        [b'sha-256="RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="'],
        [b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabA==:"],
        [b"SHA-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"],
        [b"sha-256=(:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:)"],
    ],
)
def test_what_is_no_digest_of_it(told: list[bytes]) -> None:
    assert wrong_digest(told, FED)
