"""By what a caller is told from others, as bytes: compiled from `user|ip` once, asked for each request.

A user is one of a tenant and of a method that proved it, so no tenant can touch another's counts. An IPv6 client has
at least a /64 to itself, and so counts as that network; an IPv4 address inside IPv6 counts as itself. Callers that
have none of what is asked for count together: leaving a header out must not be a way around a limit.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hashlib import blake2b

from portico.config.values.callers import HEADER, CallerKey

from .exchange import Exchange

KeyOf = Callable[[Exchange], bytes]
_Part = Callable[[Exchange], bytes | None]

NOBODY = b""
_COLON = ord(":")
_LONGEST = 64  # bytes of a key; what is longer is kept as its hash
_REMEMBERED = 4096


def compile_key(written: CallerKey, route: bytes) -> KeyOf:
    """A function from an exchange to the key of its caller. `route`: the name of the route that it is for."""
    alternatives = [_together([_part(part, route) for part in parts]) for parts in written.alternatives]
    if written.alternatives == (("ip",),):
        return _ip
    if len(alternatives) == 1:
        only = alternatives[0]
        return lambda x: only(x) or NOBODY

    # The number tells a header's value from an address that looks like it.
    numbered = tuple((b"%d " % number, find) for number, find in enumerate(alternatives))

    def first(x: Exchange) -> bytes:
        for prefix, find in numbered:
            found = find(x)
            if found is not None:
                return prefix + found
        return NOBODY

    return first


def _part(part: str, route: bytes) -> _Part:
    if part == "ip":
        return _ip
    if part == "user":
        return _user
    if part == "tenant":
        return _tenant
    if part == "route":
        return lambda x: route
    if part == "global":
        return lambda x: b"*"
    name = part.removeprefix(HEADER).encode()

    def header(x: Exchange) -> bytes | None:
        value = x.request.header(name)
        return _short(value) if value else None

    return header


def _together(parts: list[_Part]) -> _Part:
    if len(parts) == 1:
        return parts[0]

    def joined(x: Exchange) -> bytes | None:
        found = [find(x) for find in parts]
        known = [b"%d:%b" % (len(one), one) for one in found if one is not None]
        return _short(b"".join(known)) if len(known) == len(found) else None

    return joined


def _ip(x: Exchange) -> bytes:
    client = x.client
    return _NETWORKS[client] if _COLON in client else client


def _user(x: Exchange) -> bytes | None:
    identity = x.identity
    return None if identity is None else _short(identity.key)


def _tenant(x: Exchange) -> bytes | None:
    identity = x.identity
    if identity is None or identity.tenant is None:
        return None
    return _short(identity.tenant.encode("utf-8", "surrogatepass"))


def _short(key: bytes) -> bytes:
    return key if len(key) <= _LONGEST else blake2b(key, digest_size=20).digest()


class _Networks(dict[bytes, bytes]):
    """IPv6 address → its /64."""

    def __missing__(self, client: bytes) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        network = self[client] = network_of(client)
        return network


_NETWORKS = _Networks()


def network_of(client: bytes) -> bytes:
    """The /64 of an IPv6 address, the address of an IPv4 one that is mapped; itself what is neither."""
    try:
        address = ipaddress.IPv6Address(client.decode("latin-1"))
    except ValueError:
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped).encode()
    network = ipaddress.IPv6Address(int(address) >> 64 << 64)
    return b"%b/64" % str(network).encode()
