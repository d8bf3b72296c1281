"""`portico token`."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.unit.cli.command import CONFIGURATION, SECRET, portico
from tests.unit.identity.signing import private_key, private_pem, public_pem


def claims(*arguments: str) -> dict[str, Any]:
    done = portico("token", *arguments)
    assert (done.code, done.err) == (0, "")
    return dict(jwt.decode(done.out.strip(), SECRET, algorithms=["HS256"]))


def test_the_token_of_the_development_section() -> None:
    said = claims()
    assert {key: said[key] for key in ("sub", "tenant_id", "role")} == {
        "sub": "ann",
        "tenant_id": "one",
        "role": "agent",
    }
    assert said["exp"] - said["iat"] == 3600
    assert said["exp"] > time.time()


def test_claims_and_time_of_the_persons_own() -> None:
    said = claims(
        "--claim", "role=user", "--claim", "teams:=[1, 2]", "--claim", "note=a=b", "--expires", "5m"
    )
    assert (said["role"], said["teams"], said["note"]) == ("user", [1, 2], "a=b")
    assert said["exp"] - said["iat"] == 300


def test_without_a_development_section(here: Path) -> None:
    (here / "portico.yaml").write_text(CONFIGURATION.partition("development:")[0])
    assert claims("--claim", "sub=bob", "--claim", "tenant_id=two")["sub"] == "bob"
    missing = portico("token", "--claim", "sub=bob")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err.startswith("no token could be made: ")
    assert "tenant_id" in missing.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--claim", "role"), "role is no claim: write NAME=TEXT or NAME:=JSON"),
        (("--claim", "a:={"), "{ is no JSON"),
        (("--expires", "soon"), "soon is no time: write 30s, 15m, 1h or 7d"),
    ],
)
def test_a_wrong_option(arguments: tuple[str, ...], said: str) -> None:
    done = portico("token", *arguments)
    assert done.code == 2
    assert said in done.err


def test_an_identity_must_be_chosen_where_there_are_several(here: Path) -> None:
    two = CONFIGURATION.partition("development:")[0].replace(
        "identity:\n", f'identity:\n  others: {{jwt: {{secret: "{SECRET}-2", header: x-token}}}}\n'
    )
    (here / "portico.yaml").write_text(two)
    done = portico("token")
    assert (done.code, done.err) == (
        1,
        "there are several identities – name one with --identity: others, users\n",
    )
    assert portico("token", "--identity", "others", "--claim", "sub=ann").code == 0
    assert (
        'there is no identity "other": did you mean "others"?' in portico("token", "--identity", "other").err
    )


def test_a_configuration_without_identities(here: Path) -> None:
    (here / "portico.yaml").write_text("version: 1\n")
    done = portico("token")
    assert (done.code, done.err) == (
        1,
        "this configuration has no identity: there is nothing to make a token for\n",
    )


def test_a_public_key_needs_its_private_one(here: Path) -> None:
    key = private_key("ES256")
    private, public = private_pem(key), public_pem(key)
    (here / "public.pem").write_text(public)
    (here / "private.pem").write_text(private)
    (here / "portico.yaml").write_text(
        "version: 1\nidentity: {users: {jwt: {public_key: public.pem, algorithms: [ES256]}}}\n"
    )
    without = portico("token", "--claim", "sub=ann")
    assert without.code == 1
    assert "has only a public key" in without.err
    gone = portico("token", "--claim", "sub=ann", "--key", "gone.pem")
    assert (gone.code, gone.err) == (1, "cannot read the key gone.pem: no such file or directory\n")
    made = portico("token", "--claim", "sub=ann", "--key", "private.pem")
    assert jwt.decode(made.out.strip(), public, algorithms=["ES256"])["sub"] == "ann"
