"""Whatever a client says about where it comes from, a service gets the gateway's own well-formed fields, each once, and
the client is the right-most address that no trusted proxy owns, or the peer itself.
"""

from __future__ import annotations

import ipaddress
import re

from portico.exchange.request import Request
from portico.http.forwarded import from_trusted, is_trusted, lines_for

SEEDS = (
    b"\x00x-forwarded-for: 203.0.113.9, 10.0.0.2\nx-forwarded-proto: https\nx-forwarded-host: a.test:8080",
    b"\x01x-forwarded-for: 2001:db8::1\nx-forwarded-for: 10.0.0.3\nx-forwarded-port: 8443",
    b"\x02x-forwarded-for: unknown, 10.0.0.2\nforwarded: for=1.2.3.4",
    b"\x03x-forwarded-for: ::ffff:203.0.113.9\nx-forwarded-host: [::1]:80",
    b"\x04x-forwarded-for: 1.2.3.4",
)
WORDS = (
    b"x-forwarded-for: ", b"x-forwarded-proto: ", b"x-forwarded-host: ", b"x-forwarded-port: ",
    b"x-real-ip: ", b"forwarded: ", b"\n", b", ", b"10.0.0.2", b"203.0.113.9", b"::1", b"2001:db8::1",
    b"::ffff:10.0.0.2", b"fe80::1%eth0", b"unknown", b"_hidden", b"127.0.0.1", b"1.2.3.4:80", b"[::1]",
    b"https", b"HTTPS", b"ftp", b"80", b'"', b"\\", b";for=", b";", b"\xff", b"\t", b" ", b"\xc2\xb2",
    b"010.0.0.2",
)  # fmt: skip
BREAKS = rb"\n,"  # where a line of it ends, as a set of a pattern
MAX_BYTES = 400

_TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
_PEERS = (b"10.0.0.1", b"fd00::1", b"", b"10.9.9.9", b"192.0.2.1")
_LINE = re.compile(
    rb"([a-z-]+): ([\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)"
).fullmatch
_FORWARDED = re.compile(
    rb'for=(?P<node>"\[[0-9a-f:.]+\]"|[0-9.]+|unknown)'
    rb'(?:;host="(?P<host>[\x21\x23-\x5b\x5d-\x7e\x80-\xff]*)")?;proto=(?P<proto>https?)'
).fullmatch
_NAMES = {
    b"x-forwarded-for",
    b"x-real-ip",
    b"x-original-ip",
    b"x-forwarded-proto",
    b"x-forwarded-port",
    b"x-forwarded-host",
    b"forwarded",
}


def check(data: bytes) -> None:
    """The fields of a request, one a line, from one of a few peers."""
    if not data:
        return
    peer = _PEERS[data[0] % len(_PEERS)]
    request = Request()
    request.authority = b"own.test:81"
    for line in data[1:].split(b"\n"):
        name, mark, value = line.partition(b":")
        if mark:
            # The parser lets no control character into a value.
            value = re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", value).strip(b" \t")
            request.fields.append((name.strip().lower(), value))
    if is_trusted(peer, _TRUSTED):
        client, lines = from_trusted(peer, request, b"http", b"80", _TRUSTED)
    else:
        client, lines = peer, lines_for(peer, peer, b"http", request.authority, b"80")
    _judge_client(peer, request, client)
    _judge_lines(lines, client)


def _judge_client(peer: bytes, request: Request, client: bytes) -> None:
    told = b",".join([value for name, value in request.fields if name == b"x-forwarded-for"])
    expected = peer
    if _owned(peer) or not peer:
        for hop in reversed([hop for part in told.split(b",") if (hop := part.strip().lower())]):
            if _address(hop) is None:
                break
            expected = hop
            if not _owned(hop):
                break
    assert client == expected, f"the client is {client!r} and not {expected!r}"


def _address(hop: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if re.fullmatch(rb"[0-9a-f:.]+", hop) is None:
        return None
    try:
        return ipaddress.ip_address(hop.decode("ascii"))
    except ValueError:
        return None


def _owned(hop: bytes) -> bool:
    address = _address(hop)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in _TRUSTED)


def _judge_lines(lines: bytes, client: bytes) -> None:
    assert lines.endswith(b"\r\n")
    found: dict[bytes, bytes] = {}
    for line in lines[:-2].split(b"\r\n"):
        parts = _LINE(line)
        assert parts is not None, f"{line!r} is no field"
        assert parts[1] in _NAMES.difference(found), f"{parts[1]!r} is not for this place"
        found[parts[1]] = parts[2]
    assert found.get(b"x-real-ip", b"") == found.get(b"x-original-ip", b"") == client
    assert found[b"x-forwarded-proto"] in (b"http", b"https")
    assert re.fullmatch(rb"[0-9]+", found[b"x-forwarded-port"]), found[b"x-forwarded-port"]
    for hop in found.get(b"x-forwarded-for", b"unknown").split(b", "):
        assert hop == b"unknown" or _address(hop) is not None, f"{hop!r} is no address"
    host = found.get(b"x-forwarded-host", b"")
    assert not re.search(rb'[" ,;\\]', host), host
    forwarded = _FORWARDED(found[b"forwarded"])
    assert forwarded is not None, f"{found[b'forwarded']!r} is not RFC 7239's"
    assert forwarded["node"].strip(b'"[]') in (client, b"unknown")
    assert (forwarded["host"] or b"") == host
    assert forwarded["proto"] == found[b"x-forwarded-proto"]


if __name__ == "__main__":
    from .__main__ import alone

    alone("forwarded")
