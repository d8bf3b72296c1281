"""Which requests are well framed: the rules that the parser leaves to us (docs/framing.md has a row for each).

`check` reads a parsed head once, fills in what the rest of the gateway relies on (host, path, query, framing) and
returns the failure that the client is told, or None. Refusing here is what keeps a request from meaning one thing
to the gateway and another to a service (RFC 9112 sections 3, 6 and 11).
"""

from __future__ import annotations

import re
from typing import Final

from portico.exchange.failure import (
    BAD_REQUEST,
    CODING_UNKNOWN,
    EXPECTATION_FAILED,
    METHOD_REFUSED,
    VERSION_UNKNOWN,
    Failure,
)
from portico.exchange.fields import Names, tokens
from portico.exchange.request import Request
from portico.routing.normal import normalise

_HOST: Final = 1
_LENGTH: Final = 2
_CODING: Final = 3
_CONNECTION: Final = 4
_EXPECT: Final = 5
_UPGRADE: Final = 6
_TE: Final = 7
_ID: Final = 8

# The names of request fields; the reader collects those of a kind in `Request.special`, for `check`.
NAMES = Names(
    {
        b"host": _HOST,
        b"content-length": _LENGTH,
        b"transfer-encoding": _CODING,
        b"connection": _CONNECTION,
        b"proxy-connection": _CONNECTION,
        b"expect": _EXPECT,
        b"upgrade": _UPGRADE,
        b"te": _TE,
        b"x-request-id": _ID,
    }
)

# RFC 3986 section 3.2.2, without userinfo (RFC 9110 section 4.2.4): a name, an IPv4 or a bracketed IPv6 address.
_AUTHORITY = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]+)(?::([0-9]{0,5}))?")
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(rb" HTTP/([0-9]\.[0-9])\r\n").match
_QUERY_REFUSED = re.compile(rb"[^\x21-\x7e]|#")

# Fields that a request must not name in Connection: removing them would change what the request means, or hand
# the client a way to strip what the gateway says (hop-by-hop abuse).
_NOT_AN_OPTION = frozenset({b"host", b"content-length", b"transfer-encoding", b"authorization", b"cookie"})


def check(request: Request, raw: bytes, upgraded: bool) -> Failure | None:
    """Judge a complete head. `raw` is all that was received of it, `upgraded` the parser's view.

    Behind empty lines at most, `raw` must begin with the request line to the letter: the parser also takes doubled
    spaces and other protocols' versions (RTSP, ICE) and does not tell.
    """
    method = request.method
    version = request.version
    line = b"%b %b HTTP/%b\r\n" % (method, request.target, version)
    if version[:2] != b"1." or (not raw.startswith(line) and not raw.lstrip(b"\r\n").startswith(line)):
        words = b"%b %b" % (method, request.target)
        raw = raw.lstrip(b"\r\n")
        found = _VERSION(raw, len(words)) if raw.startswith(words) else None
        if found is not None and found[1] not in (b"1.0", b"1.1"):
            return VERSION_UNKNOWN.because(f"version {found[1].decode('latin-1')}")
        return BAD_REQUEST.because("the request line is not METHOD SP TARGET SP HTTP/1.x")
    if version != b"1.1" and version != b"1.0":
        # RFC 9110 section 2.5: a higher minor version is read as the highest one known.
        version = request.version = b"1.1"
    if method == b"CONNECT" or method == b"TRACE":
        return METHOD_REFUSED

    host: bytes | None = None
    coding = upgrade = b""
    for kind, value in request.special:
        if kind == _HOST:
            if host is not None:
                return BAD_REQUEST.because("more than one Host")
            host = value
        elif kind == _LENGTH:
            request.length = int(value)  # the parser has refused anything but one run of digits
        elif kind == _CODING:
            if coding:
                return BAD_REQUEST.because("more than one Transfer-Encoding")
            coding = value.strip().lower()
        elif kind == _CONNECTION:
            request.options += tuple(tokens(value))
        elif kind == _EXPECT:
            if value.strip().lower() != b"100-continue":
                return EXPECTATION_FAILED
            request.expects_continue = version == b"1.1"  # RFC 9110 section 10.1.1: ignored from HTTP/1.0
        elif kind == _ID:
            request.told_id = value.strip()
        elif kind == _TE:
            request.wants_trailers = b"trailers" in tokens(value)
        else:
            upgrade = value.strip().lower() if not upgrade else upgrade + b"," + value.lower()

    if coding:
        if version == b"1.0":
            return BAD_REQUEST.because("Transfer-Encoding in HTTP/1.0")
        if coding != b"chunked":
            # RFC 9112 section 6.3: without chunked at the end nobody can tell where the body ends.
            unknown = CODING_UNKNOWN if tokens(coding)[-1:] == [b"chunked"] else BAD_REQUEST
            return unknown.because("a transfer coding other than chunked")
        request.chunked = True
    if request.options:
        if not _NOT_AN_OPTION.isdisjoint(request.options):
            return BAD_REQUEST.because("Connection names a field that is not hop-by-hop")
        if b"close" in request.options:
            request.keep_alive = False  # the parser lets keep-alive win in HTTP/1.0 (RFC 9112 section 9.3)
    if upgraded and upgrade == b"websocket" and request.has_body:
        return BAD_REQUEST.because("a WebSocket's handshake with a body")
    if upgraded and upgrade == b"websocket" and method == b"GET" and version == b"1.1":
        request.upgrade = b"websocket"
    return _target(request, host)


def _target(request: Request, host: bytes | None) -> Failure | None:
    """Settle authority, path and query from the target and Host (RFC 9112 section 3.2)."""
    target = request.target
    if host is None:
        if request.version == b"1.1":
            return BAD_REQUEST.because("no Host")
        host = b""
    if target[:1] != b"/" and target != b"*":
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            return BAD_REQUEST.because("the target is neither a path nor an http URL")
        # RFC 9112 section 3.2.2: the URL's authority rules, and Host is replaced by it.
        host, target = absolute[2], absolute[3]
        if not host:
            return BAD_REQUEST.because("a URL without authority")
        if target[:1] != b"/":
            target = b"*" if request.method == b"OPTIONS" and not target else b"/" + target
    if host or request.version == b"1.1":
        known = _hosts[host]
        if known is None:
            return BAD_REQUEST.because("Host is not a host")
        request.authority, request.host = known
    if target == b"*":
        if request.method != b"OPTIONS":
            return BAD_REQUEST.because("target * with a method other than OPTIONS")
        request.path = target
        return None
    path, mark, query = target.partition(b"?")
    if mark:
        if _QUERY_REFUSED.search(query):
            return BAD_REQUEST.because("a character that must be encoded stands in the query")
        request.query = query
    normal = normalise(path)
    if normal is None:
        return BAD_REQUEST.because("the path is malformed or leaves the root")
    request.path = normal
    return None


class _Hosts(dict[bytes, tuple[bytes, bytes] | None]):
    """Host as received → (authority, host) in lower case, or None when it is not a host. Remembered, bounded."""

    def __missing__(self, received: bytes) -> tuple[bytes, bytes] | None:
        found = _AUTHORITY.fullmatch(received.strip(b" \t").lower())
        verdict = None if found is None else (found[0], found[1])
        if len(self) < 1024 and len(received) < 256:
            self[received] = verdict
        return verdict


_hosts = _Hosts()
