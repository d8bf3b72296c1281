"""Who the client is and how it came: X-Forwarded-*, X-Real-IP, X-Original-IP, Forwarded (RFC 7239).

What a client says about this is believed only when its connection comes from a trusted proxy; then the address is
the right-most one in X-Forwarded-For that no trusted proxy owns. Everybody else's words are dropped (`reserved`)
and the gateway writes its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from portico.exchange.fields import tokens
from portico.exchange.request import Request

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if "%" in text:
        return None  # a zone means nothing to others, and may hold anything: quotes, too
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_trusted(peer: bytes, trusted: Sequence[Network]) -> bool:
    """Whether this address belongs to a trusted proxy. A Unix socket's peer (b"") is trusted when any is."""
    if not trusted:
        return False
    if not peer:
        return True
    address = _address(peer.decode("latin-1"))
    return address is not None and any(address in network for network in trusted)


def _node(address: bytes) -> bytes:
    """RFC 7239 section 6: IPv6 in brackets, and so quoted; an unknown address by that word."""
    if not address:
        return b"unknown"
    return b'"[%b]"' % address if b":" in address else address


def _from_proxies(peer: bytes, header: bytes, trusted: Sequence[Network]) -> tuple[bytes, bytes]:
    """(client, X-Forwarded-For to send) behind a trusted proxy."""
    told = tokens(header)
    hops = [hop for hop in told if _address(hop.decode("latin-1")) is not None]
    client = peer
    for hop in reversed(told):
        if hop not in hops:
            break  # who handed it on is not known, so what stands left of it is anybody's word
        client = hop
        if not is_trusted(hop, trusted):
            break
    hops.append(peer or b"unknown")
    return client, b", ".join(hops)


def lines_for(client: bytes, chain: bytes, scheme: bytes, authority: bytes, port: bytes) -> bytes:
    """The fields as HTTP/1.1 lines."""
    host = b"x-forwarded-host: %b\r\n" % authority if authority else b""
    quoted = b';host="%b"' % authority if authority else b""
    return b"".join(
        (
            b"x-forwarded-for: %b\r\nx-real-ip: %b\r\nx-original-ip: %b\r\n" % (chain, client, client)
            if client
            else b"",
            b"x-forwarded-proto: %b\r\n" % scheme,
            b"x-forwarded-port: %b\r\n" % port if port else b"",
            host,
            b"forwarded: for=%b%b;proto=%b\r\n" % (_node(client), quoted, scheme),
        )
    )


def from_trusted(
    peer: bytes, request: Request, scheme: bytes, port: bytes, trusted: Sequence[Network]
) -> tuple[bytes, bytes]:
    """(client, lines) for a request that a trusted proxy handed on, believing what it says."""
    header = b",".join([value for name, value in request.fields if name == b"x-forwarded-for"])
    client, chain = _from_proxies(peer, header, trusted)
    proto = (request.header(b"x-forwarded-proto") or scheme).lower()
    if proto not in (b"http", b"https"):
        proto = scheme
    host = request.header(b"x-forwarded-host")
    told_port = request.header(b"x-forwarded-port")
    if told_port is None or not told_port.isdigit():
        told_port = port
    return client, lines_for(client, chain, proto, _plain(host) or request.authority, told_port)


def _plain(host: bytes | None) -> bytes:
    """A forwarded host, if it is one that cannot break out of its quotes."""
    if host is None or len(host) > 255:
        return b""
    text = host.strip().lower()
    return text if text and not (set(text) & set(b'"\\ ,;\t')) else b""
