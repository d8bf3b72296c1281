"""How the client spelled the gateway's own address: what signatures and proofs speak of.

A proxy in front may have changed scheme and host. What it says about that counts where its connection is trusted, as
with X-Forwarded-For (`forwarded`).
"""

from __future__ import annotations

import re

from portico.exchange.exchange import Exchange

_AUTHORITY = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+;=%-]+)(:[0-9]{1,5})?").fullmatch


def as_asked(x: Exchange) -> tuple[bytes, bytes]:
    """(scheme, authority) in lower case."""
    request = x.request
    scheme, authority = request.scheme, request.authority
    if x.stream.trusted:
        proto = (request.header(b"x-forwarded-proto") or b"").strip().lower()
        if proto in (b"http", b"https"):
            scheme = proto
        host = (request.header(b"x-forwarded-host") or b"").strip().lower()
        if _AUTHORITY(host):
            authority = host
    return scheme, authority
