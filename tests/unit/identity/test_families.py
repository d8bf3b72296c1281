"""Which use of a refresh token is the first, which is forgiven, and which ends its family."""

from __future__ import annotations

import asyncio

import pytest

from portico.exchange.marks import family_mark
from portico.identity.families import Families, Turn
from portico.identity.issuing import Issuer, Refresh
from portico.identity.jws import TokenError
from portico.rules import Limits
from portico.stores import MemoryStore

NOW = 1_750_000_000.0
UNTIL = NOW + 3600


class Ground:
    """Families in a store of their own."""

    def __init__(self, grace_s: float = 0.0) -> None:
        self.store = MemoryStore(Limits(0), wall=lambda: NOW)
        self.families = Families(self.store, grace_s)

    def spend(self, generation: int, wall: float = NOW) -> int | None:
        """The next generation; None when it was a reuse."""
        token = Refresh("f", generation, NOW, {}, ())
        turn, following = asyncio.run(self.families.rotate(token, wall, UNTIL))
        return following if turn is Turn.ROTATED else None

    @property
    def ended(self) -> bool:
        return self.store.is_revoked([family_mark("f")], NOW)


def test_each_generation_is_good_once() -> None:
    ground = Ground()
    assert [ground.spend(generation) for generation in (0, 1, 2)] == [1, 2, 3]
    assert not ground.ended
    assert ground.spend(1) is None
    assert ground.ended


@pytest.mark.parametrize("wall", [NOW, NOW - 0.05, NOW - 5, NOW + 1e-9])
def test_the_last_one_is_not_forgiven_without_a_grace(wall: float) -> None:
    """Not within one turn of the loop, and not by a gateway whose clock is behind."""
    ground = Ground()
    assert ground.spend(0) == 1
    assert ground.spend(0, wall) is None
    assert ground.ended


def test_the_last_one_is_forgiven_within_the_grace() -> None:
    ground = Ground(grace_s=10.0)
    assert ground.spend(0) == 1
    assert ground.spend(0, NOW + 10) == 2
    assert ground.spend(0, NOW + 10) is None
    assert ground.ended


def test_a_generation_that_nobody_was_given_ends_it() -> None:
    for generation in (1, 7, -1):
        ground = Ground(grace_s=10.0)
        assert ground.spend(generation) is None
        assert ground.ended


# -- what refresh tokens say


def issuer(
    name: str = "users", refresh_s: float = 600.0, secret: bytes = b"r" * 32, iss: str = "shop"
) -> Issuer:
    return Issuer(name, b"a" * 32, "HS256", issuer=iss, refresh_s=refresh_s, refresh_secret=secret)


def test_a_refresh_token_is_read_by_its_own_issuer_alone() -> None:
    token = issuer().refresh({"sub": "ada"}, NOW, "f", 3)
    read = issuer().read(token, NOW)
    assert (read.family, read.generation, dict(read.claims)) == ("f", 3, {"sub": "ada"})
    assert family_mark("f") in read.marks
    for other in (issuer("staff"), issuer(iss="else"), issuer(secret=b"s" * 32)):
        with pytest.raises(TokenError):
            other.read(token, NOW)


def test_a_shorter_life_holds_for_what_was_made_before() -> None:
    token = issuer().refresh({}, NOW, "f", 0)
    with pytest.raises(TokenError, match="expired"):
        issuer(refresh_s=60.0).read(token, NOW + 60)
    issuer(refresh_s=60_000.0).read(token, NOW + 599)
    with pytest.raises(TokenError, match="expired"):
        issuer(refresh_s=60_000.0).read(token, NOW + 600)


def test_what_was_made_has_ended_when_its_mark_is_forgotten() -> None:
    made = Issuer("users", b"a" * 32, "HS256", access_s=900.0, refresh_s=600.0, leeway_s=60.0)
    assert made.until(NOW) > NOW + 960


def test_nobody_says_for_the_gateway_what_it_says_itself() -> None:
    claims = {"sub": "ada", "exp": 1, "fam": "other", "of": "staff", "type": "access", "gen": 9}
    assert dict(issuer().read(issuer().refresh(claims, NOW, "f", 0), NOW).claims) == {"sub": "ada"}
