"""Networks as lists: both families, mapped addresses, ranges that touch, and what is remembered."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.rules.networks import Admission, Networks


def networks(*written: str) -> Networks:
    return Networks(ip_network(one) for one in written)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        (b"10.0.0.0", True),
        (b"10.255.255.255", True),
        (b"11.0.0.0", False),
        (b"9.255.255.255", False),
        (b"192.0.2.1", True),
        (b"192.0.2.2", False),
        (b"::ffff:10.0.0.1", True),
        (b"::ffff:0a00:1", True),
        (b"::10.0.0.1", False),
        (b"2001:db8::1", True),
        (b"2001:DB8:0:0::1", True),
        (b"2001:db9::", False),
        (b"fe80::1%eth0", True),
        (b"203.0.113.9", True),
        (b"::ffff:203.0.113.9", True),
        (b"", False),
        (b"10.0.0", False),
        (b"010.0.0.1", False),
        (b"10.0.0.1/8", False),
        (b"\xff", False),
    ],
)
def test_an_address_is_inside_or_not(address: bytes, inside: bool) -> None:
    listed = networks("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "fe80::/10", "::ffff:203.0.113.0/120")
    assert listed.have(address) is inside


def test_all_of_one_family_is_not_the_other() -> None:
    assert not networks("::/0").have(b"10.0.0.1")
    assert not networks("::/0").have(b"::ffff:10.0.0.1")
    assert networks("::/0").have(b"::1")
    assert not networks("0.0.0.0/0").have(b"::1")


def test_a_network_is_covered_also_by_two_that_touch() -> None:
    halves = networks("10.0.0.0/9", "10.128.0.0/9", "2001:db8::/33", "2001:db8:8000::/33")
    assert halves.cover(ip_network("10.0.0.0/8"))
    assert halves.cover(ip_network("2001:db8::/32"))
    assert halves.cover(ip_network("::ffff:10.0.0.0/104"))
    assert not halves.cover(ip_network("10.0.0.0/7"))
    assert not halves.cover(ip_network("::/0"))


BLOCKS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
            lambda one: ip_network((one[0], one[1]), strict=False)
        ),
        st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
            lambda one: ip_network((one[0], one[1]), strict=False)
        ),
    ),
    max_size=8,
)
ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda number: ip_address(number)),
    st.integers(2**64, 2**128 - 1).map(lambda number: ip_address(number)),
)


@given(BLOCKS, BLOCKS, ADDRESSES)
def test_it_is_what_a_search_through_all_finds(allow, deny, address) -> None:  # type: ignore[no-untyped-def]
    def listed(blocks: object) -> bool:
        return any(address in block for block in blocks if block.version == address.version)  # type: ignore[attr-defined]

    admission = Admission(Networks(allow), Networks(deny))
    expected = not listed(deny) and (not allow or listed(allow))
    text = str(address).encode()
    assert [admission.admit(text), admission.admit(text)] == [expected, expected]


@given(BLOCKS.filter(bool), BLOCKS)
def test_the_edges_of_every_network_are_in_it(written, others) -> None:  # type: ignore[no-untyped-def]
    listed = Networks([*written, *others])
    for network in written:
        if network.version == 6 and network.overlaps(ip_network("::ffff:0:0/96")):
            continue
        assert listed.have(str(network[0]).encode())
        assert listed.have(str(network[-1]).encode())


def test_who_is_not_known_comes_only_where_everybody_may() -> None:
    assert Admission(networks(), networks("10.0.0.0/8")).admit(b"")
    assert not Admission(networks("10.0.0.0/8"), networks()).admit(b"")


def test_what_clients_send_is_remembered_within_a_bound() -> None:
    admission = Admission(networks(), networks("10.0.0.0/8"))
    for number in range(10_000):
        assert admission.admit(str(ip_address(0x0B000000 + number)).encode())
    remembered = int(repr(admission).rpartition(", ")[2].split()[0])
    assert 0 < remembered <= 4096
    assert not admission.admit(b"10.0.0.1")
