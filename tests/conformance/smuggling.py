"""Attempts to make a service see a request that the gateway did not: all of them written for this suite.

Each holds a request for /smuggled that one of two careless readers would take for a request of its own. It must
never arrive as one: either the whole is refused and the connection ended, or it is plainly a body or plainly a
request of the same sender.
"""

from .case import Case, Seen, bad, good

H = b"Host: a.test\r\n"
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: evil.test\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
AFTER_CHUNKS = b"0\r\n\r\n" + HIDDEN


def _refused(id: str, lines: bytes, body: bytes = AFTER_CHUNKS, status: int = 400) -> Case:  # noqa: A002
    return bad(f"smuggle-{id}", b"POST /a HTTP/1.1\r\n%b%b\r\n%b" % (H, lines, body), status)


def _body(id: str, lines: bytes, *fields: tuple[bytes, bytes]) -> Case:  # noqa: A002
    """The hidden request is the body, and stays it."""
    data = b"POST /a HTTP/1.1\r\n%b%b%b\r\n%b" % (H, lines, LENGTH, HIDDEN)
    return good(f"smuggle-{id}", data, Seen(b"POST /a", HIDDEN, fields))


def _chunk(id: str, chunks: bytes) -> Case:  # noqa: A002
    return _refused(f"chunk-{id}", b"Transfer-Encoding: chunked\r\n", chunks)


BOTH_FRAMINGS = [
    _refused("cl-te", b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(AFTER_CHUNKS)),
    _refused(
        "te-cl", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"2b\r\n" + HIDDEN + b"\r\n0\r\n\r\n"
    ),
    _refused("cl-0-te", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
    _refused("cl-te-lower-case", b"content-length: 5\r\ntransfer-encoding: chunked\r\n"),
    _refused(
        "cl-te-far-apart", b"Content-Length: 5\r\n" + b"A: b\r\n" * 20 + b"Transfer-Encoding: chunked\r\n"
    ),
    _refused(
        "cl-te-named-in-connection",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: transfer-encoding\r\n",
    ),
    _refused("cl-named-in-connection", b"Connection: content-length\r\n" + LENGTH, HIDDEN),
    _refused("te-named-in-connection", b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n"),
    _refused("te-identity-cl", b"Transfer-Encoding: identity\r\n" + LENGTH, HIDDEN),
    bad(
        "smuggle-te-in-1.0",
        b"POST /a HTTP/1.0\r\n%bConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n%b"
        % (H, AFTER_CHUNKS),
    ),
    bad(
        "smuggle-te-in-0.9",
        b"POST /a HTTP/0.9\r\n%bTransfer-Encoding: chunked\r\n\r\n%b" % (H, AFTER_CHUNKS),
        505,
    ),
    bad(
        "smuggle-te-in-2.0",
        b"POST /a HTTP/2.0\r\n%bTransfer-Encoding: chunked\r\n\r\n%b" % (H, AFTER_CHUNKS),
        505,
    ),
]

OBFUSCATED_CODINGS = [
    _refused(f"te-obfuscated-{name}", lines + b"\r\n")
    for name, lines in {
        "x": b"Transfer-Encoding: xchunked",
        "space-before-colon": b"Transfer-Encoding : chunked",
        "tab-before-colon": b"Transfer-Encoding\t: chunked",
        "vertical-tab": b"Transfer-Encoding: \x0bchunked",
        "form-feed-behind": b"Transfer-Encoding: chunked\x0c",
        "nul-behind": b"Transfer-Encoding: chunked\x00",
        "non-breaking-space": b"Transfer-Encoding: \xa0chunked",
        "delete-in-front": b"Transfer-Encoding: \x7fchunked",
        "bare-cr": b"X: y\rTransfer-Encoding: chunked",
        "bare-lf": b"X: y\nTransfer-Encoding: chunked",
        "lf-in-value": b"Transfer-Encoding:\n chunked",
        "folded": b"Transfer-Encoding:\r\n chunked",
        "folded-inside": b"Transfer-Encoding: chun\r\n ked",
        "folded-field-before": b"X: y\r\n Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "space-in-front": b" Transfer-Encoding: chunked",
        "quoted": b'Transfer-Encoding: "chunked"',
        "single-quoted": b"Transfer-Encoding: 'chunked'",
        "comma-in-front": b"Transfer-Encoding: , chunked",
        "parameter": b"Transfer-Encoding: chunked; x",
        "twice-x": b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "twice-x-behind": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "twice-cow": b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
        "twice-empty": b"Transfer-Encoding: chunked\r\nTransfer-Encoding:",
        "control-in-name": b"Transfer-Encoding\x01: chunked",
        "control-before-name": b"\x01Transfer-Encoding: chunked",
        "nul-in-name": b"Transfer\x00-Encoding: chunked",
        "space-in-name": b"Transfer Encoding: chunked",
        "no-colon": b"Transfer-Encoding chunked",
        "unicode-k": b"Transfer-Encoding: chun\xe2\x84\xaaed",
        "long-s-in-name": b"Tran\xc5\xbfer-Encoding: chunked",
    }.items()
    if not name.startswith("comma")
] + [
    _refused("te-obfuscated-comma-in-front", b"Transfer-Encoding: , chunked\r\n", status=501),
    # Names that only a careless reader takes for framing: passed on or dropped, but never believed.
    _body("te-by-underscore", b"Transfer_Encoding: chunked\r\n"),
    _body("te-by-dot", b"Transfer.Encoding: chunked\r\n", (b"transfer.encoding", b"chunked")),
    _body("te-by-prefix", b"X-Transfer-Encoding: chunked\r\n", (b"x-transfer-encoding", b"chunked")),
    _body("cl-by-underscore", b"Content_Length: 0\r\n"),
    _body("cl-by-prefix", b"X-Content-Length: 0\r\n", (b"x-content-length", b"0")),
    _body("te-request-field", b"TE: chunked\r\n"),
    _body("te-as-content-encoding", b"Content-Encoding: chunked\r\n", (b"content-encoding", b"chunked")),
]

LENGTHS = [
    _refused(f"cl-{name}", lines + b"\r\n", HIDDEN)
    for name, lines in {
        "twice": LENGTH + b"Content-Length: 0",
        "twice-same": LENGTH + LENGTH[:-2],
        "twice-zero-first": b"Content-Length: 0\r\n" + LENGTH[:-2],
        "list": b"Content-Length: 0, 43",
        "list-same": b"Content-Length: 43, 43",
        "plus": b"Content-Length: +43",
        "minus": b"Content-Length: -43",
        "hexadecimal": b"Content-Length: 0x2b",
        "space-inside": b"Content-Length: 4 3",
        "word": b"Content-Length: abc",
        "empty": b"Content-Length:",
        "folded": b"Content-Length:\r\n 43",
        "space-before-colon": b"Content-Length : 43",
        "nul": b"Content-Length: 43\x00",
        "vertical-tab": b"Content-Length: \x0b43",
        "overflow-32": b"Content-Length: 4294967296",
        "overflow-64": b"Content-Length: 18446744073709551616",
        "arabic": b"Content-Length: \xd9\xa4\xd9\xa3",
        "point": b"Content-Length: 43.0",
        "bare-cr": b"Content-Length: 0\rContent-Length: 43",
        "bare-lf": b"Content-Length: 0\nContent-Length: 43",
    }.items()
    if name != "overflow-32"
] + [
    _refused("cl-overflow-32", b"Content-Length: 4294967296\r\n", HIDDEN, 413),
    # CL.0: a service that ignores the body of a GET must still be sent it as one.
    good("smuggle-cl-0-get", b"GET /a HTTP/1.1\r\n%b%b\r\n%b" % (H, LENGTH, HIDDEN), Seen(b"GET /a", HIDDEN)),
    good(
        "smuggle-cl-0-options",
        b"OPTIONS /a HTTP/1.1\r\n%b%b\r\n%b" % (H, LENGTH, HIDDEN),
        Seen(b"OPTIONS /a", HIDDEN),
    ),
    good(
        "smuggle-cl-0-head", b"HEAD /a HTTP/1.1\r\n%b%b\r\n%b" % (H, LENGTH, HIDDEN), Seen(b"HEAD /a", HIDDEN)
    ),
    good(
        "smuggle-cl-0-delete",
        b"DELETE /a HTTP/1.1\r\n%b%b\r\n%b" % (H, LENGTH, HIDDEN),
        Seen(b"DELETE /a", HIDDEN),
    ),
    # 0.CL: without a length what follows is the sender's next request, in the open.
    good(
        "smuggle-0-cl-in-the-open",
        b"POST /a HTTP/1.1\r\n%bContent-Length: 0\r\n\r\n%b" % (H, HIDDEN),
        Seen(b"POST /a"),
        Seen(b"GET /smuggled", host=b"evil.test"),
    ),
    good(
        "smuggle-1.0-close-behind",
        b"POST /a HTTP/1.0\r\n%bContent-Length: 2\r\n\r\nhi%b" % (H, HIDDEN),
        Seen(b"POST /a", b"hi"),
        closes=True,
    ),
    good(
        "smuggle-close-behind",
        b"POST /a HTTP/1.1\r\n%bConnection: close\r\nContent-Length: 2\r\n\r\nhi%b" % (H, HIDDEN),
        Seen(b"POST /a", b"hi"),
        closes=True,
    ),
    _body("expect", b"Expect: 100-continue\r\n"),
    _refused("expect-obfuscated", b"Expect: y 100-continue\r\n" + LENGTH, HIDDEN, 417),
    _refused("expect-twice", b"Expect: 100-continue\r\nExpect: x\r\n" + LENGTH, HIDDEN, 417),
]

CHUNKS = [
    _chunk("lf-only", b"0\n\n" + HIDDEN),
    _chunk("size-lf", b"2b\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _chunk("size-cr", b"2b\r" + HIDDEN + b"\r\n0\r\n\r\n"),
    _chunk("extension-lf", b"2;\nxx\r\n2b\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _chunk("extension-cr", b"2;\rxx\r\n2b\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _chunk("extension-with-request", b"2;x\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _chunk("size-overflow-64", b"1000000000000002b\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _chunk("size-overflow-long", b"f" * 40 + b"\r\n" + HIDDEN),
    _chunk("size-negative", b"-0\r\n\r\n" + HIDDEN),
    _chunk("size-space", b"0 \r\n\r\n" + HIDDEN),
    _chunk("size-tab", b"0\t\r\n\r\n" + HIDDEN),
    _chunk("size-hex-prefix", b"0x2b\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _chunk("size-nul", b"0\x00\r\n\r\n" + HIDDEN),
    _chunk("size-comma", b"0,2b\r\n\r\n" + HIDDEN),
    _chunk("spill-two-bytes", b"5\r\nhelloXX0\r\n\r\n" + HIDDEN),
    _chunk("spill-lf", b"5\r\nhello\n0\r\n\r\n" + HIDDEN),
    _chunk("missing-end", b"5\r\nhello0\r\n\r\n" + HIDDEN),
    _chunk("trailer-is-request", b"0\r\n" + HIDDEN),
    _chunk("trailer-cl", b"0\r\nContent-Length: 43\r\n\r\n" + HIDDEN),
    _chunk("trailer-te", b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN),
    _chunk("trailer-space-before-colon", b"0\r\nX : y\r\n\r\n" + HIDDEN),
    good(
        "smuggle-chunk-in-the-open",
        b"POST /a HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%b" % (H, AFTER_CHUNKS),
        Seen(b"POST /a"),
        Seen(b"GET /smuggled", host=b"evil.test"),
    ),
    good(
        "smuggle-chunk-extension-quoted",
        b'POST /a HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n2;a="0"\r\nhi\r\n0\r\n\r\n' % H,
        Seen(b"POST /a", b"hi"),
    ),
]

HEADS = [
    bad("smuggle-line-double-space", b"GET  /a HTTP/1.1\r\n%b\r\n%b" % (H, HIDDEN)),
    bad(
        "smuggle-line-space-in-target",
        b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /smuggled HTTP/1.1 HTTP/1.1\r\n%b\r\n" % H,
        seen=(Seen(b"GET /a", host=b"x"),),
    ),
    bad("smuggle-line-tab", b"GET /a\tHTTP/1.1\r\n%b\r\n%b" % (H, HIDDEN)),
    bad("smuggle-line-bare-cr", b"GET /a HTTP/1.1\r%b\r\n\r\n%b" % (H, HIDDEN)),
    bad("smuggle-line-lf-in-target", b"GET /a\nHost:x HTTP/1.1\r\n%b\r\n%b" % (H, HIDDEN)),
    bad("smuggle-line-http-0.9", b"GET /a\r\n\r\n%b" % HIDDEN),
    bad("smuggle-line-ice", b"SOURCE /a ICE/1.0\r\n%b\r\n%b" % (H, HIDDEN)),
    bad("smuggle-line-rtsp", b"DESCRIBE /a RTSP/1.0\r\n%b\r\n%b" % (H, HIDDEN)),
    bad("smuggle-head-ends-with-lf", b"GET /a HTTP/1.1\r\n%b\n%b" % (H, HIDDEN)),
    bad("smuggle-head-ends-with-two-lf", b"GET /a HTTP/1.1\r\n%bX: y\n\n%b" % (H, HIDDEN)),
    bad("smuggle-head-cr-only", b"GET /a HTTP/1.1\r\n%bX: y\r\r%b" % (H, HIDDEN)),
    bad("smuggle-host-twice", b"GET /a HTTP/1.1\r\n%bHost: evil.test\r\n\r\n" % H),
    bad("smuggle-host-space", b"GET /a HTTP/1.1\r\nHost: a.test evil.test\r\n\r\n"),
    bad("smuggle-host-folded", b"GET /a HTTP/1.1\r\nHost: a.test\r\n evil.test\r\n\r\n"),
    bad("smuggle-connect", b"CONNECT /a HTTP/1.1\r\n%b\r\n%b" % (H, HIDDEN), 405),
    bad("smuggle-connect-authority", b"CONNECT a.test:80 HTTP/1.1\r\n%b\r\n%b" % (H, HIDDEN), 405),
    good(
        "smuggle-host-by-absolute-form",
        b"GET http://a.test/a HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        Seen(b"GET /a"),
    ),
]

UPGRADES = [
    _refused("upgrade-cl", b"Upgrade: websocket\r\nConnection: Upgrade\r\n" + LENGTH, HIDDEN),
    # The parser would end these at their head. What hides in the body stays in the body.
    good(
        "smuggle-upgrade-te",
        b"POST /a HTTP/1.1\r\n%bUpgrade: h2b\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (H, len(HIDDEN), HIDDEN),
        Seen(b"POST /a", HIDDEN),
    ),
    good(
        "smuggle-upgrade-list-cl",
        b"POST /a HTTP/1.1\r\n%bUpgrade: a, websocket\r\nConnection: a, Upgrade\r\n%b\r\n%b"
        % (H, LENGTH, HIDDEN),
        Seen(b"POST /a", HIDDEN),
    ),
    good(
        "smuggle-upgrade-h2b",
        b"GET /a HTTP/1.1\r\n%bUpgrade: h2b\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\n\r\n" % H,
        Seen(b"GET /a"),
    ),
    bad(
        "smuggle-upgrade-h2b-then-preface",
        b"GET /a HTTP/1.1\r\n%bUpgrade: h2b\r\nConnection: Upgrade\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        % H,
        seen=(Seen(b"GET /a"),),
    ),
    # The service does not agree to the WebSocket, so what follows is the sender's next request, in the open.
    good(
        "smuggle-upgrade-websocket-not-agreed",
        b"GET /a HTTP/1.1\r\n%bUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\n\r\n%b"
        % (H, HIDDEN),
        Seen(
            b"GET /a",
            fields=(
                (b"sec-websocket-version", b"777"),
                (b"connection", b"upgrade"),
                (b"upgrade", b"websocket"),
            ),
        ),
        Seen(b"GET /smuggled", host=b"evil.test"),
    ),
]

CASES = BOTH_FRAMINGS + OBFUSCATED_CODINGS + LENGTHS + CHUNKS + HEADS + UPGRADES
