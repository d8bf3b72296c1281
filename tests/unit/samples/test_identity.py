"""Who is calling, and how the roles rank."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest

from samples.platform.errors import ForbiddenError, UnauthenticatedError
from samples.platform.identity import BAD_TOKEN, NO_TOKEN, ROLES, Caller, TokenCheck

SECRET = "s" * 32
CHECK = TokenCheck(SECRET, "psa-platform")


def bearer(**changed: Any) -> str:
    """A good `Authorization` value with some claims changed; `None` takes one out."""
    claims = {
        "user_id": "ada",
        "tenant_id": "acme",
        "role": "agent",
        "email": "ada@example.com",
        "type": "access",
        "iss": "psa-platform",
        "exp": int(time.time()) + 600,
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    # Not by jwt.encode, which would refuse to sign some of what others might.
    return f"Bearer {jwt.PyJWS().encode(json.dumps(kept).encode(), SECRET, algorithm='HS256')}"


def test_a_good_token() -> None:
    assert CHECK.caller(bearer()) == Caller("ada", "acme", "agent", "ada@example.com")


def test_the_scheme_is_of_any_case_and_sub_stands_in_for_user_id() -> None:
    written = bearer(user_id=None, sub="eve").replace("Bearer", "bearer")
    assert CHECK.caller(written).user_id == "eve"


def test_what_a_token_need_not_say() -> None:
    assert CHECK.caller(bearer(role=None, email=None)) == Caller("ada", "acme", "user", None)
    assert CHECK.caller(bearer(role=["admin"], email=7)) == Caller("ada", "acme", "user", None)
    assert CHECK.caller(bearer(aud="somebody", sub=7)).user_id == "ada"


def test_clocks_may_differ_by_a_minute() -> None:
    now = int(time.time())
    assert CHECK.caller(bearer(exp=now - 30)).user_id == "ada"
    assert CHECK.caller(bearer(nbf=now + 30, iat=now + 30)).user_id == "ada"


@pytest.mark.parametrize("written", [None, "", "Bearer", "Bearer ", "Basic YTpi", "nonsense"])
def test_no_token(written: str | None) -> None:
    with pytest.raises(UnauthenticatedError, match=NO_TOKEN):
        CHECK.caller(written)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": [1]},
        {"exp": 1e400},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"iat": "now"},
        {"iss": None},
        {"iss": "somebody"},
        {"iss": ["psa-platform"]},
        {"iss": 7},
        {"type": None},
        {"type": "refresh"},
        {"user_id": None},
        {"user_id": ""},
        {"user_id": 7},
        {"user_id": "a\x00b"},
        {"user_id": "u" * 256},
        {"tenant_id": None},
        {"tenant_id": {}},
    ],
)
def test_bad_claims(changed: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError, match=BAD_TOKEN):
        CHECK.caller(bearer(**changed))


@pytest.mark.parametrize("written", ["x", "a.b", "a.b.c", "....", "ä.ö.ü", "e30.e30.e30", "x" * 9000])
def test_what_is_no_token(written: str) -> None:
    with pytest.raises(UnauthenticatedError, match=BAD_TOKEN):
        CHECK.caller(f"Bearer {written}")


def test_each_role_may_do_what_those_below_it_may() -> None:
    for own_rank, own in enumerate(ROLES):
        caller = Caller("ada", "acme", own, None)
        assert [caller.is_at_least(role) for role in ROLES] == [
            rank <= own_rank for rank in range(len(ROLES))
        ]


def test_an_unknown_role_ranks_lowest() -> None:
    caller = Caller("ada", "acme", "emperor", None)
    assert caller.is_at_least("user")
    with pytest.raises(ForbiddenError, match="^Only the role agent or above may log time$"):
        caller.require("agent", "log time")
