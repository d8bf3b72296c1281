"""By what callers are told apart: one key for one caller, and never one for two."""

from __future__ import annotations

from itertools import combinations

import pytest

from portico.config.values.callers import caller_key
from portico.exchange.callers import NOBODY, compile_key, network_of
from portico.exchange.exchange import Exchange
from portico.exchange.identity import Identity
from portico.exchange.request import Request
from tests.unit.stages.site import exchange

ADA = Identity("7", "users", "jwt", tenant="t-1")


def key(per: str, x: Exchange, route: str = "tickets") -> bytes:
    return compile_key(caller_key(per), route.encode())(x)


def asking(client: bytes = b"192.0.2.7", identity: Identity | None = None, **fields: str) -> Exchange:
    request = Request()
    request.fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    x = exchange(request, identity=identity)
    x.client = client
    return x


def test_an_address_is_a_caller_and_an_ipv6_network_is_one() -> None:
    assert key("ip", asking(b"192.0.2.7")) == b"192.0.2.7"
    first = key("ip", asking(b"2001:db8:1:2:3::4"))
    assert first == key("ip", asking(b"2001:db8:1:2:ffff:ffff:ffff:ffff"))
    assert first == key("ip", asking(b"2001:0DB8:1:2::"))
    assert first != key("ip", asking(b"2001:db8:1:3::4"))


def test_ipv4_within_ipv6_is_no_single_network() -> None:
    assert network_of(b"::ffff:192.0.2.7") == b"192.0.2.7"
    assert network_of(b"::ffff:192.0.2.8") == b"192.0.2.8"
    assert network_of(b"fe80::1%eth0") == b"fe80::/64"
    assert network_of(b"no:address") == b"no:address"


def test_more_networks_than_are_remembered() -> None:
    for number in range(5000):
        assert key("ip", asking(b"2001:db8:%x::1" % number)) == network_of(b"2001:db8:%x::1" % number)


@pytest.mark.parametrize("per", ["user", "user+route", "user|ip", "tenant+user"])
def test_users_of_other_tenants_and_methods_are_others(per: str) -> None:
    callers = [
        ADA,
        Identity("7", "users", "jwt", tenant="t-2"),
        Identity("7", "partners", "jwt", tenant="t-1"),
        Identity("8", "users", "jwt", tenant="t-1"),
        Identity("1t-1", "users", "jwt", tenant=""),
        Identity("-17", "users", "jwt", tenant="t"),
    ]
    keys = [key(per, asking(identity=caller)) for caller in callers]
    assert len(set(keys)) == len(callers)
    assert key(per, asking(identity=Identity("7", "users", "jwt", ("boss",), "t-1"))) == keys[0]


def test_the_first_alternative_that_the_caller_has_is_taken() -> None:
    known, unknown = asking(identity=ADA), asking()
    assert key("user|ip", known) != key("user|ip", unknown)
    assert key("user|ip", known) == key("user|ip", asking(b"192.0.2.99", ADA))
    assert key("user|ip", unknown) != key("user|ip", asking(b"192.0.2.99"))
    homeless = Identity("7", "users", "jwt")
    assert key("tenant|user", asking(identity=homeless)) == key(
        "tenant|user", asking(b"192.0.2.99", homeless)
    )


def test_a_header_cannot_pose_as_an_address() -> None:
    posing = asking(b"192.0.2.9", x_client="192.0.2.7")
    assert key("header:X-Client|ip", posing) != key("header:X-Client|ip", asking(b"192.0.2.7"))


def test_who_lacks_what_is_asked_for_counts_together() -> None:
    for per in ("user", "tenant", "header:X-Client", "user+ip", "header:X-Client|user"):
        assert key(per, asking(b"192.0.2.1")) == key(per, asking(b"192.0.2.2")) == NOBODY
    assert key("header:X-Client", asking(x_client="")) == NOBODY


def test_parts_do_not_run_into_one_another() -> None:
    one = asking(x_a="a", x_b="bc")
    two = asking(x_a="ab", x_b="c")
    assert key("header:x-a+header:x-b", one) != key("header:x-a+header:x-b", two)


def test_routes_and_everybody() -> None:
    assert key("route", asking(), "a") != key("route", asking(), "b")
    assert key("ip+route", asking(), "a") != key("ip+route", asking(), "b")
    assert key("global", asking(b"192.0.2.1"), "a") == key("global", asking(b"192.0.2.2"), "b")


def test_no_key_is_long() -> None:
    long = [asking(x_client="a" * length) for length in (100, 1000, 8000)]
    keys = [key("header:X-Client", x) for x in long]
    keys += [key("user", asking(identity=Identity("a" * 8000, "users", "jwt")))]
    keys += [key("tenant", asking(identity=Identity("a", "users", "jwt", tenant="é" * 5000)))]
    assert max(map(len, keys)) <= 64
    assert all(one != other for one, other in combinations(keys, 2))
