"""From written settings to proofs: what works, and everything that is wrong, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from portico.config.models.identity import IdentitySettings
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.identity.proofs import Proofs
from tests.unit.identity.signing import (
    CLAIMS,
    NOW,
    SECRET,
    bearing,
    private_key,
    private_pem,
    public_pem,
    request,
    sign,
)


def proofs(**blocks: dict[str, Any]) -> Proofs:
    return Proofs({name: IdentitySettings.model_validate({"jwt": jwt}) for name, jwt in blocks.items()})


def problems(**jwt: Any) -> list[str]:
    made = proofs(users=jwt)
    assert "users" not in made.by_name
    return [str(problem) for problem in made.problems]


def prove(made: Proofs, token: bytes) -> Identity | Failure | None:
    assert not made.problems
    verdict = made.by_name["users"].prove(bearing(token), NOW)
    assert verdict is None or isinstance(verdict, Identity | Failure)
    return verdict


def test_secret() -> None:
    made = proofs(users={"secret": SECRET})
    assert isinstance(prove(made, sign(CLAIMS)), Identity)
    assert isinstance(prove(made, sign(CLAIMS, "HS512")), Failure)
    assert repr(made) == "<Proofs users, 0 problems>"


def test_several_secrets_and_algorithms() -> None:
    made = proofs(users={"secrets": ["n" * 64, SECRET], "algorithms": ["HS256", "HS512"]})
    for token in (sign(CLAIMS), sign(CLAIMS, "HS512"), sign(CLAIMS, key=b"n" * 64)):
        assert isinstance(prove(made, token), Identity)


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "EdDSA"])
def test_public_key(algorithm: str) -> None:
    made = proofs(users={"public_key": public_pem(private_key(algorithm)), "algorithms": [algorithm]})
    assert isinstance(prove(made, sign(CLAIMS, algorithm)), Identity)


def test_everything_written_is_used() -> None:
    made = proofs(
        users={
            "secret": SECRET,
            "issuer": "us",
            "audience": ["api"],
            "leeway": "5s",
            "require": ["org"],
            "header": "X-Token",
            "type": "access",
            "claims": {"subject": ["uid"], "tenant": "org", "role": "groups", "email": "mail"},
        }
    )
    claims = {
        "uid": 7,
        "org": "o-1",
        "groups": ["a", "b"],
        "mail": "a@b.example",
        "iss": "us",
        "aud": "api",
        "type": "access",
        "exp": NOW + 60,
    }
    users = made.by_name["users"]
    assert users.field == b"x-token"

    def verdict(wall: float = NOW, **changes: Any) -> Identity | Failure | None:
        said = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        found = users.prove(request((b"x-token", sign(said))), wall)
        assert found is None or isinstance(found, Identity | Failure)
        return found

    identity = verdict()
    assert isinstance(identity, Identity)
    assert (identity.subject, identity.tenant, identity.roles, identity.email) == (
        "7",
        "o-1",
        ("a", "b"),
        "a@b.example",
    )
    assert isinstance(verdict(NOW + 64), Identity)
    assert isinstance(verdict(NOW + 65), Failure)
    for changes in ({"iss": "them"}, {"aud": "them"}, {"type": None}, {"org": None}, {"uid": None}):
        assert isinstance(verdict(**changes), Failure)


def test_star_accepts_every_audience() -> None:
    token = sign({**CLAIMS, "aud": "somebody"})
    assert isinstance(prove(proofs(users={"secret": SECRET}), token), Failure)
    assert isinstance(prove(proofs(users={"secret": SECRET, "audience": "*"}), token), Identity)


def test_short_secret_is_a_problem() -> None:
    assert problems(secret="short") == [
        "identity.users.jwt.secret is 5 bytes long: HS256 needs at least 32 (RFC 7518 section 3.2)"
    ]


def test_algorithm_without_a_key_is_a_problem() -> None:
    assert problems(secret=SECRET, algorithms=["HS256", "RS256"]) == [
        "identity.users.jwt.algorithms.1 names RS256, which no key here can verify: "
        "the keys serve HS256, HS384, HS512"
    ]
    pem = public_pem(private_key("ES256"))
    assert problems(public_key=pem, algorithms=["HS256"]) == [
        "identity.users.jwt.algorithms.0 names HS256, which no key here can verify: the keys serve ES256",
        "identity.users.jwt.public_key has a key that no accepted algorithm uses: it is for ES256",
    ]


def test_key_without_an_algorithm_is_a_problem() -> None:
    both = public_pem(private_key("ES256")) + public_pem(private_key("EdDSA"))
    assert problems(public_key=both, algorithms=["EdDSA"]) == [
        "identity.users.jwt.public_key has a key that no accepted algorithm uses: it is for ES256"
    ]


def test_text_that_is_no_public_key_is_a_problem() -> None:
    for text, reason in (
        ("hello", "holds no public key"),
        (private_pem(private_key("ES256")), "is a private key"),
        ('{"kty":"oct","k":"AAAA"}', "belongs under secret"),
    ):
        (problem,) = problems(public_key=text, algorithms=["ES256"])
        assert problem.startswith("identity.users.jwt.public_key ")
        assert reason in problem


def test_public_key_as_secret_is_a_problem() -> None:
    (problem,) = problems(secrets=[SECRET, public_pem(private_key("RS256"))])
    assert problem == "identity.users.jwt.secrets.1 looks like a public key, which is known to everybody"


def test_one_bad_block_hides_no_other() -> None:
    made = proofs(users={"secret": "a"}, staff={"secret": SECRET}, others={"secret": "b"})
    assert list(made.by_name) == ["staff"]
    assert [problem.path for problem in made.problems] == [
        ("users", "jwt", "secret"),
        ("others", "jwt", "secret"),
    ]
