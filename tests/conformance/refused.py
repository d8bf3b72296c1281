"""Requests that are refused: malformed, ambiguous, or beyond a limit. The connection ends with the answer."""

from .case import NEXT, Case, Seen, bad

H = b"Host: a.test\r\n"


def _target(id: str, target: bytes, status: int = 400) -> Case:  # noqa: A002
    return bad(f"target-{id}", b"GET %b HTTP/1.1\r\n%b\r\n" % (target, H), status)


def _line(id: str, line: bytes, status: int = 400) -> Case:  # noqa: A002
    return bad(f"line-{id}", b"%b\r\n%b\r\n" % (line, H), status)


def _head(id: str, lines: bytes, status: int = 400) -> Case:  # noqa: A002
    return bad(id, b"GET /a HTTP/1.1\r\n%b%b\r\n" % (H, lines), status)


def _post(id: str, lines: bytes, body: bytes = b"hello", status: int = 400) -> Case:  # noqa: A002
    return bad(id, b"POST /a HTTP/1.1\r\n%b%b\r\n%b" % (H, lines, body), status)


def _chunked(id: str, body: bytes, status: int = 400) -> Case:  # noqa: A002
    return _post(f"chunked-{id}", b"Transfer-Encoding: chunked\r\n", body, status)


TARGETS = [
    _target("fragment", b"/a#b"),
    _target("fragment-in-query", b"/a?b#c"),
    _target("backslash", b"/a\\b"),
    _target("non-ascii", b"/caf\xc3\xa9"),
    _target("non-ascii-in-query", b"/a?caf\xc3\xa9"),
    _target("control", b"/a\x01b"),
    _target("delete", b"/a\x7fb"),
    _target("nul", b"/a\x00b"),
    _target("tab", b"/a\tb"),
    _target("encoded-nul", b"/a%00b"),
    _target("bad-encoding", b"/a%zz"),
    _target("cut-encoding", b"/a%2"),
    _target("two-slashes", b"/a//b"),
    _target("two-slashes-in-front", b"//evil.test/a"),
    _target("above-root", b"/../a"),
    _target("above-root-encoded", b"/a/%2e%2e/%2e%2e/b"),
    _target("dots-before-parameter", b"/a/..;/b"),
    _target("dots-behind-encoded-slash", b"/a%2f..%2fb"),
    _target("dots-before-encoded-backslash", b"/a/..%5cb"),
    _target("relative", b"a/b"),
    _target("asterisk-of-get", b"*"),
    _target("authority-form", b"a.test:80"),
    _target("scheme-unknown", b"ftp://a.test/"),
    _target("scheme-only", b"http:/a"),
    _target("absolute-without-authority", b"http:///a"),
    _target("absolute-with-userinfo", b"http://user@a.test/"),
    _target("absolute-bad-port", b"http://a.test:80a/"),
    _target("too-long", b"/" + b"x" * 1024, 414),
    _target("much-too-long", b"/" + b"x" * 9000, 414),
    _target("query-too-long", b"/?" + b"x" * 1024, 414),
]

LINES = [
    _line("two-spaces-before-target", b"GET  / HTTP/1.1"),
    _line("two-spaces-before-version", b"GET /  HTTP/1.1"),
    _line("tab-for-space", b"GET\t/ HTTP/1.1"),
    _line("space-behind", b"GET / HTTP/1.1 "),
    _line("space-in-front", b" GET / HTTP/1.1"),
    _line("space-in-target", b"GET /a b HTTP/1.1"),
    _line("method-lower-case", b"get / HTTP/1.1"),
    _line("method-unknown", b"FETCH / HTTP/1.1"),
    _line("method-with-colon", b"GET: / HTTP/1.1"),
    _line("method-missing", b"/ HTTP/1.1"),
    _line("target-missing", b"GET HTTP/1.1"),
    _line("version-lower-case", b"GET / http/1.1"),
    _line("version-0.9", b"GET / HTTP/0.9", 505),
    _line("version-1.10", b"GET / HTTP/1.10"),
    _line("version-01.1", b"GET / HTTP/01.1"),
    _line("version-2.0", b"GET / HTTP/2.0", 505),
    _line("version-3.0", b"GET / HTTP/3.0", 505),
    _line("version-missing-minor", b"GET / HTTP/1"),
    _line("version-other-protocol", b"GET / HTTPS/1.1"),
    _line("rtsp", b"DESCRIBE /a RTSP/1.0"),
    _line("rtsp-options", b"OPTIONS /a RTSP/1.0"),
    _line("ice", b"SOURCE /a ICE/1.0"),
    _line("connect", b"CONNECT a.test:443 HTTP/1.1", 405),
    _line("connect-path", b"CONNECT /a HTTP/1.1", 405),
    _line("trace", b"TRACE /a HTTP/1.1", 405),
    bad("line-http-0.9", b"GET /\r\n\r\n"),
    bad("line-http-0.9-with-fields", b"GET /\r\n%b\r\n" % H),
    bad("line-http-0.9-bare", b"GET /\n\n"),
    bad(
        "line-version-0.1-before-another", b"GET /b HTTP/0.1\r\n%b\r\nGET /b HTTP/1.1\r\n%b\r\n" % (H, H), 505
    ),
    bad("line-two-spaces-before-another", b"GET  /b HTTP/1.0\r\nA: GET /b HTTP/1.1\r\n%b\r\n" % H),
    bad("line-two-spaces-and-the-line-in-a-field", b"GET  /b HTTP/1.1\r\n%bA: GET /b HTTP/1.1\r\n\r\n" % H),
    bad("line-two-spaces-before-the-same", b"GET  /b HTTP/1.1\r\n%b\r\nGET /b HTTP/1.1\r\n%b\r\n" % (H, H)),
    bad(
        "line-rtsp-before-the-same",
        b"OPTIONS /b RTSP/1.0\r\n%b\r\nOPTIONS /b HTTP/1.0\r\n%b\r\n" % (H, H),
    ),
    bad("line-http-0.9-and-a-version-in-a-field", b"GET /\r\nA: b HTTP/2.0\r\n%b\r\n" % H),
    bad("line-http-0.9-before-another", b"GET /\r\n%b\r\nGET / HTTP/2.0\r\n\r\n" % H),
    bad("line-http-2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad("line-tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    bad("line-garbage", b"\x00\xff\x00\xff\r\n\r\n"),
    bad("line-reply", b"HTTP/1.1 200 OK\r\n%b\r\n" % H),
    bad("line-bare-cr", b"GET / HTTP/1.1\r%b\r\n" % H),
    bad("line-bare-lf", b"GET / HTTP/1.1\n%b\r\n" % H),
]

HOSTS = [
    bad("host-missing", b"GET /a HTTP/1.1\r\nA: b\r\n\r\n"),
    bad("host-missing-with-absolute-form", b"GET http://a.test/ HTTP/1.1\r\n\r\n"),
    bad("host-doubled", b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    bad("host-doubled-same", b"GET /a HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n"),
    bad("host-empty", b"GET /a HTTP/1.1\r\nHost:\r\n\r\n"),
    bad("host-list", b"GET /a HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    bad("host-space", b"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n"),
    bad("host-userinfo", b"GET /a HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    bad("host-path", b"GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    bad("host-query", b"GET /a HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    bad("host-fragment", b"GET /a HTTP/1.1\r\nHost: a#b\r\n\r\n"),
    bad("host-backslash", b"GET /a HTTP/1.1\r\nHost: a\\b\r\n\r\n"),
    bad("host-quote", b'GET /a HTTP/1.1\r\nHost: a";for=b\r\n\r\n'),
    bad("host-non-ascii", b"GET /a HTTP/1.1\r\nHost: caf\xc3\xa9\r\n\r\n"),
    bad("host-port-letters", b"GET /a HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    bad("host-port-too-long", b"GET /a HTTP/1.1\r\nHost: a:123456\r\n\r\n"),
    bad("host-two-ports", b"GET /a HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
    bad("host-open-bracket", b"GET /a HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    bad("host-behind-space", b"GET /a HTTP/1.1\r\n Host: a\r\n\r\n"),
]

FIELDS = [
    _head("field-space-before-colon", b"A : b\r\n"),
    _head("field-tab-before-colon", b"A\t: b\r\n"),
    _head("field-without-colon", b"A\r\n"),
    _head("field-without-name", b": b\r\n"),
    _head("field-space-in-name", b"A B: c\r\n"),
    _head("field-control-in-name", b"A\x01: b\r\n"),
    _head("field-nul-in-name", b"A\x00: b\r\n"),
    _head("field-non-ascii-name", b"caf\xc3\xa9: b\r\n"),
    _head("field-parenthesis-in-name", b"A(b): c\r\n"),
    _head("field-quote-in-name", b'"A": c\r\n'),
    _head("field-nul-in-value", b"A: b\x00c\r\n"),
    _head("field-control-in-value", b"A: b\x01c\r\n"),
    _head("field-delete-in-value", b"A: b\x7fc\r\n"),
    _head("field-bare-cr", b"A: b\rC: d\r\n"),
    _head("field-bare-lf", b"A: b\nC: d\r\n"),
    _head("field-lf-ends-line", b"A: b\n"),
    _head("field-cr-cr-lf", b"A: b\r\r\n"),
    _head("field-obs-fold-space", b"A: b\r\n c\r\n"),
    _head("field-obs-fold-tab", b"A: b\r\n\tc\r\n"),
    bad("field-obs-fold-in-front", b"GET /a HTTP/1.1\r\n A: b\r\n%b\r\n" % H),
    bad("field-head-ends-with-lf", b"GET /a HTTP/1.1\r\n%b\n" % H),
    _head("field-too-many", b"".join(b"A%d: x\r\n" % n for n in range(30)), 431),
    _head("field-many-more", b"A: x\r\n" * 300, 431),
    _head("field-too-long", b"A: %b\r\n" % (b"x" * 4096), 431),
    _head("field-much-too-long", b"A: %b\r\n" % (b"x" * 12000), 431),
    _head("field-too-long-together", b"".join(b"A%d: %b\r\n" % (n, b"x" * 400) for n in range(12)), 431),
    _head("field-name-too-long", b"%b: x\r\n" % (b"x" * 5000), 431),
    _head("connection-names-host", b"Connection: host\r\n"),
    _head("connection-names-content-length", b"Connection: content-length\r\n"),
    _head("connection-names-transfer-encoding", b"Connection: close, Transfer-Encoding\r\n"),
    _head("connection-names-authorization", b"Authorization: x\r\nConnection: authorization\r\n"),
    _head("connection-names-cookie", b"Cookie: x\r\nConnection: cookie\r\n"),
    _head("expect-unknown", b"Expect: 200-maybe\r\n", 417),
    _head("expect-list", b"Expect: 100-continue, x\r\n", 417),
]

LENGTHS = [
    _post("length-doubled", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    _post("length-doubled-same", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    _post("length-list", b"Content-Length: 5, 5\r\n"),
    _post("length-plus", b"Content-Length: +5\r\n"),
    _post("length-minus", b"Content-Length: -5\r\n"),
    _post("length-minus-zero", b"Content-Length: -0\r\n"),
    _post("length-space-inside", b"Content-Length: 5 0\r\n"),
    _post("length-hexadecimal", b"Content-Length: 0x5\r\n"),
    _post("length-decimal-point", b"Content-Length: 5.0\r\n"),
    _post("length-exponent", b"Content-Length: 5e0\r\n"),
    _post("length-underscore", b"Content-Length: 5_0\r\n"),
    _post("length-quoted", b'Content-Length: "5"\r\n'),
    _post("length-empty", b"Content-Length:\r\n"),
    _post("length-word", b"Content-Length: five\r\n"),
    _post("length-other-digits", b"Content-Length: \xd9\xa5\r\n"),
    _post("length-vertical-tab", b"Content-Length: \x0b5\r\n"),
    _post("length-beyond-64-bits", b"Content-Length: 18446744073709551617\r\n"),
    _post("length-beyond-limit", b"Content-Length: 65537\r\n", b"x", 413),
    _post("length-far-beyond-limit", b"Content-Length: 99999999999\r\n", b"x", 413),
    _post("length-and-chunked", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post("chunked-and-length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
]

CODINGS = [
    _post("coding-gzip", b"Transfer-Encoding: gzip\r\n"),
    _post("coding-identity", b"Transfer-Encoding: identity\r\n"),
    _post("coding-gzip-chunked", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 501),
    _post("coding-chunked-gzip", b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"),
    _post("coding-chunked-twice", b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    _post("coding-doubled", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post(
        "coding-doubled-identity",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
    ),
    _post("coding-empty", b"Transfer-Encoding:\r\n"),
    _post("coding-xchunked", b"Transfer-Encoding: xchunked\r\n"),
    _post("coding-parameter", b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n"),
    _post("coding-quoted", b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    _post("coding-comma-behind", b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n"),
    _post("coding-vertical-tab", b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    bad("coding-in-1.0", b"POST /a HTTP/1.0\r\n%bTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % H),
    bad(
        "coding-in-1.0-keep-alive",
        b"POST /a HTTP/1.0\r\n%bConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % H,
    ),
]

CHUNKS = [
    _chunked("size-negative", b"-1\r\na\r\n0\r\n\r\n"),
    _chunked("size-plus", b"+1\r\na\r\n0\r\n\r\n"),
    _chunked("size-prefixed", b"0x1\r\na\r\n0\r\n\r\n"),
    _chunked("size-empty", b"\r\na\r\n0\r\n\r\n"),
    _chunked("size-no-hexadecimal", b"g\r\na\r\n0\r\n\r\n"),
    _chunked("size-space-behind", b"1 \r\na\r\n0\r\n\r\n"),
    _chunked("size-space-in-front", b" 1\r\na\r\n0\r\n\r\n"),
    _chunked("size-underscore", b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
    _chunked("size-beyond-64-bits", b"10000000000000001\r\na\r\n0\r\n\r\n"),
    _chunked("size-bare-lf", b"1\na\r\n0\r\n\r\n"),
    _chunked("size-bare-cr", b"1\ra\r\n0\r\n\r\n"),
    _chunked("extension-bare-lf", b"1;a\nb\r\na\r\n0\r\n\r\n"),
    _chunked("extension-bare-cr", b"1;a\rb\r\na\r\n0\r\n\r\n"),
    _chunked("extension-nul", b"1;a\x00\r\na\r\n0\r\n\r\n"),
    _chunked("data-too-long", b"1\r\nab\r\n0\r\n\r\n"),
    _chunked("data-ends-with-lf", b"1\r\na\n0\r\n\r\n"),
    _chunked("data-without-line-end", b"1\r\na0\r\n\r\n"),
    _chunked("last-bare-lf", b"1\r\na\r\n0\n\n"),
    _chunked("trailer-obs-fold", b"0\r\nA: b\r\n c\r\n\r\n"),
    _chunked("trailer-space-before-colon", b"0\r\nA : b\r\n\r\n"),
    _chunked("trailer-bare-lf", b"0\r\nA: b\nC: d\r\n\r\n"),
    _chunked("trailer-without-colon", b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
    _chunked("trailer-content-length", b"0\r\nContent-Length: 9\r\n\r\n"),
    _chunked("trailer-transfer-encoding", b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    _chunked("trailers-too-many", b"0\r\n" + b"A: b\r\n" * 40 + b"\r\n", 431),
    _chunked(
        "body-beyond-limit",
        b"".join(b"4000\r\n%b\r\n" % (b"x" * 16384) for _ in range(5)) + b"0\r\n\r\n",
        413,
    ),
    _chunked("more-framing-than-body", b"".join(b"1;%b\r\na\r\n" % (b"x" * 1000) for _ in range(160))),
]

UPGRADES = [
    _post("upgrade-with-length", b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n"),
    _post(
        "upgrade-with-chunked",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
    ),
    _head("upgrade-get-with-length", b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n"),
]

IN_PIPELINES = [
    bad(
        "pipeline-good-then-bad",
        b"GET /1 HTTP/1.1\r\n%b\r\nGET /2 HTTP/1.1\r\n\r\n" % H,
        seen=(Seen(b"GET /1"),),
    ),
    bad(
        "pipeline-body-too-long",
        b"POST /1 HTTP/1.1\r\n%bContent-Length: 5\r\n\r\nhelloXX\r\n\r\n" % H,
        seen=(Seen(b"POST /1", b"hello"),),
    ),
    bad(
        # The parser has heard of an end that came too late to be ours: the next request is refused.
        "pipeline-behind-close-in-trailer",
        b"POST /1 HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\n\r\n%b"
        % (H, NEXT),
        seen=(Seen(b"POST /1"),),
    ),
    bad(
        "pipeline-two-spaces-behind-a-line-as-body",
        b"POST /1 HTTP/1.1\r\n%bContent-Length: 17\r\n\r\nGET /2 HTTP/1.1\r\nGET  /2 HTTP/1.1\r\n%b\r\n"
        % (H, H),
        seen=(Seen(b"POST /1", b"GET /2 HTTP/1.1\r\n"),),
    ),
    bad(
        "pipeline-two-spaces-behind-a-line-in-chunks",
        b"POST /1 HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n11\r\nGET /2 HTTP/1.1\r\n\r\n0\r\n\r\n"
        b"GET  /2 HTTP/1.1\r\n%b\r\nGET /2 HTTP/1.1\r\n%b\r\n" % (H, H, H),
        seen=(Seen(b"POST /1", b"GET /2 HTTP/1.1\r\n"),),
    ),
    bad("pipeline-garbage-behind", b"GET /1 HTTP/1.1\r\n%b\r\n\x00\x00\x00" % H, seen=(Seen(b"GET /1"),)),
]

CASES = TARGETS + LINES + HOSTS + FIELDS + LENGTHS + CODINGS + CHUNKS + UPGRADES + IN_PIPELINES
