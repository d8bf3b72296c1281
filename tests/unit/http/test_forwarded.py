"""Who the client is, and what the service is told of it."""

import ipaddress

import pytest

from portico.exchange.request import Request
from portico.http.forwarded import Network, from_trusted, is_trusted, lines_for

TRUSTED: list[Network] = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


def request(*fields: tuple[bytes, bytes], authority: bytes = b"a.test") -> Request:
    made = Request()
    made.fields = list(fields)
    made.authority = authority
    return made


def fields(lines: bytes) -> dict[bytes, bytes]:
    pairs = [line.split(b": ", 1) for line in lines.split(b"\r\n") if line]
    assert len(pairs) == len({name for name, _ in pairs})
    return {pair[0]: pair[1] for pair in pairs}


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        (b"10.1.2.3", True),
        (b"11.1.2.3", False),
        (b"::ffff:10.1.2.3", True),
        (b"fd00::1", True),
        (b"fe80::1", False),
        (b"no address", False),
        (b"", True),  # a Unix socket
    ],
)
def test_trust_is_by_network(peer: bytes, trusted: bool) -> None:
    assert is_trusted(peer, TRUSTED) is trusted


def test_nobody_is_trusted_by_default() -> None:
    assert not is_trusted(b"127.0.0.1", [])
    assert not is_trusted(b"", [])


def test_lines_of_a_direct_client() -> None:
    assert fields(lines_for(b"1.2.3.4", b"1.2.3.4", b"http", b"a.test:80", b"3000")) == {
        b"x-forwarded-for": b"1.2.3.4",
        b"x-real-ip": b"1.2.3.4",
        b"x-original-ip": b"1.2.3.4",
        b"x-forwarded-proto": b"http",
        b"x-forwarded-port": b"3000",
        b"x-forwarded-host": b"a.test:80",
        b"forwarded": b'for=1.2.3.4;host="a.test:80";proto=http',
    }


def test_ipv6_is_bracketed_and_quoted_in_forwarded() -> None:
    assert fields(lines_for(b"::1", b"::1", b"http", b"", b""))[b"forwarded"] == b'for="[::1]";proto=http'


def test_client_of_a_unix_socket_is_unknown() -> None:
    assert fields(lines_for(b"", b"unknown", b"http", b"", b"")) == {
        b"x-forwarded-proto": b"http",
        b"forwarded": b"for=unknown;proto=http",
    }


@pytest.mark.parametrize(
    ("told", "client", "chain"),
    [
        (None, b"10.0.0.1", b"10.0.0.1"),
        (b"1.2.3.4", b"1.2.3.4", b"1.2.3.4, 10.0.0.1"),
        # What stands left of the first stranger is the stranger's own word.
        (b"6.6.6.6, 1.2.3.4", b"1.2.3.4", b"6.6.6.6, 1.2.3.4, 10.0.0.1"),
        (b"1.2.3.4, 10.9.9.9", b"1.2.3.4", b"1.2.3.4, 10.9.9.9, 10.0.0.1"),
        (b"10.8.8.8, 10.9.9.9", b"10.8.8.8", b"10.8.8.8, 10.9.9.9, 10.0.0.1"),
        (b'evil"; x, 1.2.3.4', b"1.2.3.4", b"1.2.3.4, 10.0.0.1"),
        (b"unknown", b"10.0.0.1", b"10.0.0.1"),
        # Left of one whom nobody can name stands anybody's word, too.
        (b"6.6.6.6, 1.2.3.4:5555", b"10.0.0.1", b"6.6.6.6, 10.0.0.1"),
        (b'10.8.8.8, fe80::1%";by=evil', b"10.0.0.1", b"10.8.8.8, 10.0.0.1"),
        (b"", b"10.0.0.1", b"10.0.0.1"),
    ],
)
def test_client_behind_a_trusted_proxy_is_the_last_stranger(
    told: bytes | None, client: bytes, chain: bytes
) -> None:
    said = request() if told is None else request((b"x-forwarded-for", told))
    found, lines = from_trusted(b"10.0.0.1", said, b"http", b"3000", TRUSTED)
    assert found == client
    assert fields(lines)[b"x-forwarded-for"] == chain
    assert fields(lines)[b"x-real-ip"] == client


def test_several_lines_of_forwarded_for_are_one_list() -> None:
    said = request((b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4"))
    assert from_trusted(b"10.0.0.1", said, b"http", b"", TRUSTED)[0] == b"1.2.3.4"


def test_what_a_trusted_proxy_says_of_the_way_is_believed() -> None:
    said = request(
        (b"x-forwarded-proto", b"HTTPS"), (b"x-forwarded-host", b"Shop.test"), (b"x-forwarded-port", b"443")
    )
    told = fields(from_trusted(b"10.0.0.1", said, b"http", b"3000", TRUSTED)[1])
    assert told[b"x-forwarded-proto"] == b"https"
    assert told[b"x-forwarded-host"] == b"shop.test"
    assert told[b"x-forwarded-port"] == b"443"
    assert told[b"forwarded"] == b'for=10.0.0.1;host="shop.test";proto=https'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-forwarded-proto", b"gopher"),
        (b"x-forwarded-host", b'a";for=b'),
        (b"x-forwarded-host", b"a, b"),
        (b"x-forwarded-host", b"x" * 300),
        (b"x-forwarded-port", b"80;x"),
    ],
)
def test_what_makes_no_sense_is_replaced_by_what_we_know(name: bytes, value: bytes) -> None:
    plain = from_trusted(b"10.0.0.1", request(), b"http", b"3000", TRUSTED)
    assert from_trusted(b"10.0.0.1", request((name, value)), b"http", b"3000", TRUSTED) == plain
