"""Replies of services: their bytes, and what the client is given of them."""

from dataclasses import dataclass

from portico.testing import Ending

Field = tuple[bytes, bytes]

GET = b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"
HEAD = b"HEAD /a HTTP/1.1\r\nHost: a.test\r\n\r\n"
OLD = b"GET /a HTTP/1.0\r\nHost: a.test\r\n\r\n"
OLD_KEPT = b"GET /a HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n"


@dataclass(frozen=True)
class Exchange:
    """`reply` is what the service sends to `request`; the rest is what the client gets.

    `ends`: how the service ends its connection behind the reply, None when it keeps it. `reused`: the gateway may
    use that connection again. `ending`: how the client's connection ends, None when it stays open. `whole` False:
    what the client has got is plainly no whole reply.
    """

    id: str
    reply: bytes
    status: int = 200
    body: bytes = b""
    fields: tuple[Field, ...] = ()
    trailers: tuple[Field, ...] = ()
    interim: tuple[int, ...] = ()
    request: bytes = GET
    ends: Ending | None = None
    reused: bool = True
    ending: Ending | None = None
    whole: bool = True


def _bad(id: str, reply: bytes) -> Exchange:  # noqa: A002
    """No reply at all: 502, and the service's connection is given up."""
    return Exchange(f"bad-{id}", reply, 502, reused=False)


def _status(line: bytes) -> bytes:
    return b"%b\r\nContent-Length: 0\r\n\r\n" % line


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_TWO = _OK + b"Content-Length: 2\r\n\r\nok"

BODIES = [
    Exchange("length", _TWO, body=b"ok"),
    Exchange("length-zero", _OK + b"Content-Length: 0\r\n\r\n"),
    Exchange("length-to-1.0", _TWO, body=b"ok", request=OLD, ending=Ending.FIN),
    Exchange("length-to-1.0-kept", _TWO, body=b"ok", request=OLD_KEPT),
    Exchange(
        "chunked",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3;x=y\r\n...\r\n0\r\n\r\n",
        body=b"ok...",
    ),
    Exchange("chunked-empty", _OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Exchange(
        "chunked-trailers",
        _OK
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: evil\r\nVary: x\r\n\r\n",
        body=b"ok",
        trailers=((b"x-sum", b"1"),),
    ),
    Exchange(
        "chunked-to-1.0",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\n...\r\n0\r\nX-Sum: 1\r\n\r\n",
        body=b"ok...",
        request=OLD,
        ending=Ending.FIN,
    ),
    Exchange(
        "until-the-end", _OK + b"\r\nuntil the end", body=b"until the end", ends=Ending.FIN, reused=False
    ),
    Exchange("until-the-end-empty", _OK + b"\r\n", ends=Ending.FIN, reused=False),
    Exchange(
        "until-the-end-to-1.0",
        _OK + b"\r\nuntil the end",
        body=b"until the end",
        ends=Ending.FIN,
        reused=False,
        request=OLD,
        ending=Ending.FIN,
    ),
    Exchange("from-1.0", b"HTTP/1.0 200 OK\r\n\r\nold", body=b"old", ends=Ending.FIN, reused=False),
    Exchange(
        "from-1.0-length", b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", body=b"old", reused=False
    ),
    Exchange(
        "from-1.0-kept",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold",
        body=b"old",
    ),
    Exchange("close", _OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", body=b"ok", reused=False),
    Exchange("length-spaces-around", _OK + b"Content-Length: \t2 \r\n\r\nok", body=b"ok"),
]

BODILESS = [
    Exchange(
        "head-length", _OK + b"Content-Length: 55\r\n\r\n", request=HEAD, fields=((b"content-length", b"55"),)
    ),
    Exchange("head-chunked", _CHUNKED, request=HEAD),
    Exchange("head-chunked-with-chunk-head", _CHUNKED + b"5\r\n", request=HEAD, reused=False),
    Exchange("head-chunked-with-digit", _CHUNKED + b"5", request=HEAD, reused=False),
    Exchange("head-chunked-with-chunks", _CHUNKED + b"2\r\nok\r\n0\r\n\r\n", request=HEAD, reused=False),
    Exchange(
        "head-chunked-behind-interim",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + _CHUNKED,
        request=HEAD,
        interim=(103,),
    ),
    Exchange("head-plain", _OK + b"\r\n", request=HEAD),
    Exchange("head-plain-closing", _OK + b"Connection: close\r\n\r\n", request=HEAD, reused=False),
    Exchange("head-plain-and-surplus", _OK + b"\r\nevil", request=HEAD, reused=False),
    Exchange(
        "head-with-body",
        _OK + b"Content-Length: 4\r\n\r\nevil",
        request=HEAD,
        fields=((b"content-length", b"4"),),
        reused=False,
    ),
    Exchange(
        "head-with-another-reply",
        _OK + b"Content-Length: 50\r\n\r\n" + _TWO,
        request=HEAD,
        fields=((b"content-length", b"50"),),
        reused=False,
    ),
    Exchange("204", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    Exchange("304", b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', 304, fields=((b"etag", b'"a"'),)),
    Exchange(
        "304-length",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        304,
        fields=((b"content-length", b"9"),),
    ),
    Exchange(
        "surplus-close-in-trailer",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nConnection: close\r\n\r\n",
        body=b"ok",
        reused=False,
    ),
    Exchange(
        "surplus-coding-in-trailer",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nTransfer-Encoding: identity\r\n\r\n",
        body=b"ok",
        reused=False,
    ),
]

INTERIM = [
    Exchange("interim-100", b"HTTP/1.1 100 Continue\r\n\r\n" + _TWO, body=b"ok", interim=(100,)),
    Exchange(
        "interim-103", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _TWO, body=b"ok", interim=(103,)
    ),
    Exchange(
        "interim-several",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 150 x\r\n\r\n" + _TWO,
        body=b"ok",
        interim=(102, 103, 150),
    ),
    Exchange(
        "interim-to-1.0",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + _TWO,
        body=b"ok",
        request=OLD_KEPT,
    ),
]

FIELDS = [
    Exchange(
        "fields-hop-by-hop",
        _OK
        + b"Connection: foo\r\nFoo: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\nProxy-Authenticate: x\r\n"
        b"Content-Length: 2\r\nBar: 2\r\n\r\nok",
        body=b"ok",
        fields=((b"bar", b"2"),),
    ),
    Exchange(
        "fields-secret",
        _OK + b"Server: x\r\nX-Powered-By: y\r\nX-Internal-Node: z\r\nX_Internal_Node: z\r\n"
        b"A: 1\r\nContent-Length: 2\r\n\r\nok",
        body=b"ok",
        fields=((b"a", b"1"),),
    ),
    Exchange(
        "fields-cookies-stay-apart",
        _OK + b"Set-Cookie: a=b\r\nSet-Cookie: c=d, e\r\nContent-Length: 2\r\n\r\nok",
        body=b"ok",
        fields=((b"set-cookie", b"a=b"), (b"set-cookie", b"c=d, e")),
    ),
    Exchange("reason-is-ours", b"HTTP/1.1 404 Nope <b>\r\nContent-Length: 0\r\n\r\n", 404),
    Exchange("reason-empty", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    Exchange("reason-missing", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
    Exchange("status-unknown", _status(b"HTTP/1.1 299 x"), 299),
    Exchange("status-599", _status(b"HTTP/1.1 599 x"), 599),
]

BAD = [
    _bad("status-0", _status(b"HTTP/1.1 000 x")),
    _bad("status-99", _status(b"HTTP/1.1 099 x")),
    _bad("status-600", _status(b"HTTP/1.1 600 x")),
    _bad("status-1000", _status(b"HTTP/1.1 1000 x")),
    _bad("status-two-digits", _status(b"HTTP/1.1 20 x")),
    _bad("status-word", _status(b"HTTP/1.1 OK")),
    _bad("status-minus", _status(b"HTTP/1.1 -200 x")),
    _bad("version-0.9", _status(b"HTTP/0.9 200 OK")),
    _bad("version-2.0", _status(b"HTTP/2.0 200 OK")),
    _bad("version-1.2", _status(b"HTTP/1.2 200 OK")),
    _bad("version-missing", _status(b"HTTP 200 OK")),
    _bad("rtsp", _status(b"RTSP/1.0 200 OK")),
    _bad("ice", _status(b"ICE/1.0 200 OK")),
    _bad("icy", _status(b"ICY 200 OK")),
    _bad("html", b"<html><body>no head</body></html>\r\n\r\n"),
    _bad("request", GET),
    _bad("tls", b"\x15\x03\x01\x00\x02\x02\x46"),
    _bad(
        "length-and-chunked",
        _OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ),
    _bad("length-twice", _OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok."),
    _bad("length-list", _OK + b"Content-Length: 2, 2\r\n\r\nok"),
    _bad("length-minus", _OK + b"Content-Length: -2\r\n\r\nok"),
    _bad("length-word", _OK + b"Content-Length: two\r\n\r\nok"),
    _bad("length-empty", _OK + b"Content-Length:\r\n\r\nok"),
    _bad("coding-gzip", _OK + b"Transfer-Encoding: gzip\r\n\r\nok"),
    _bad("coding-gzip-chunked", _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    _bad("coding-chunked-gzip", _OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    _bad(
        "coding-twice",
        _OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ),
    _bad("coding-in-1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    _bad("obs-fold", _OK + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\nok"),
    _bad("space-before-colon", _OK + b"A : b\r\nContent-Length: 2\r\n\r\nok"),
    _bad("nul-in-value", _OK + b"A: b\x00c\r\nContent-Length: 2\r\n\r\nok"),
    _bad("bare-cr", _OK + b"A: b\rc\r\nContent-Length: 2\r\n\r\nok"),
    _bad("bare-lf", _OK + b"A: b\nSet-Cookie: c\r\nContent-Length: 2\r\n\r\nok"),
    _bad("field-without-colon", _OK + b"A\r\nContent-Length: 2\r\n\r\nok"),
    _bad(
        "too-many-fields",
        _OK + b"".join(b"A%d: b\r\n" % n for n in range(300)) + b"Content-Length: 2\r\n\r\nok",
    ),
    _bad("head-without-end", _OK + b"A: b\r\n" * 12000),
    _bad("field-without-end", _OK + b"A: " + b"b" * 70000),
    Exchange(
        "bad-interim-without-end",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40 + _TWO,
        502,
        interim=(103,) * 32,
        reused=False,
    ),
    _bad("empty-line-before", b"\r\n" + _TWO),
    _bad("coding-with-tab", _OK + b"Transfer-Encoding: chunked\t\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    _bad("interim-with-length", b"HTTP/1.1 150 x\r\nContent-Length: 4\r\n\r\nevil" + _TWO),
    _bad("interim-with-chunks", b"HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _TWO),
    _bad(
        "switching-unasked",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ),
]

CUT = [
    Exchange("cut-before-anything", b"", 502, ends=Ending.FIN, reused=False),
    Exchange("cut-before-anything-by-reset", b"", 502, ends=Ending.RST, reused=False),
    Exchange("cut-in-status", b"HTTP/1.1 2", 502, ends=Ending.FIN, reused=False),
    Exchange("cut-in-head", _OK + b"Content-Le", 502, ends=Ending.FIN, reused=False),
    Exchange(
        "cut-behind-interim",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        502,
        interim=(100,),
        ends=Ending.FIN,
        reused=False,
    ),
    Exchange(
        "cut-length",
        _OK + b"Content-Length: 9\r\n\r\nshort",
        ends=Ending.FIN,
        reused=False,
        ending=Ending.FIN,
        whole=False,
    ),
    Exchange(
        "cut-chunked",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        ends=Ending.FIN,
        reused=False,
        ending=Ending.FIN,
        whole=False,
    ),
    Exchange(
        "cut-chunked-in-trailers",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\nX: y\r\n",
        ends=Ending.FIN,
        reused=False,
        ending=Ending.FIN,
        whole=False,
    ),
    Exchange(
        "cut-chunked-bad-size",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nxyz\r\n",
        reused=False,
        ending=Ending.FIN,
        whole=False,
    ),
    Exchange(
        "cut-chunked-to-1.0",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        request=OLD,
        ends=Ending.FIN,
        reused=False,
        ending=Ending.RST,
        whole=False,
    ),
    Exchange(
        "cut-until-the-end-by-reset",
        _OK + b"\r\nshort",
        ends=Ending.RST,
        reused=False,
        ending=Ending.FIN,
        whole=False,
    ),
    Exchange(
        "cut-until-the-end-by-reset-to-1.0",
        _OK + b"\r\nshort",
        request=OLD,
        ends=Ending.RST,
        reused=False,
        ending=Ending.RST,
        whole=False,
    ),
]

SURPLUS = [
    Exchange("surplus-bytes", _TWO + b"evil", body=b"ok", reused=False),
    Exchange("surplus-reply", _TWO + _TWO, body=b"ok", reused=False),
    Exchange("surplus-garbage", _TWO + b"\x00\x01", body=b"ok", reused=False),
    Exchange(
        "surplus-behind-chunked", _OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nevil", reused=False
    ),
    Exchange(
        "surplus-reply-behind-chunked",
        _OK
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"
        + _OK
        + b"X-Evil: 1\r\n\r\n",
        body=b"ok",
        trailers=((b"x-sum", b"1"),),
        reused=False,
    ),
    Exchange("surplus-behind-204", b"HTTP/1.1 204 No Content\r\n\r\nevil", 204, reused=False),
    Exchange(
        "surplus-behind-304",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
        304,
        fields=((b"content-length", b"4"),),
        reused=False,
    ),
]

EXCHANGES = BODIES + BODILESS + INTERIM + FIELDS + BAD + CUT + SURPLUS
