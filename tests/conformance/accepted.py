"""Requests that are well formed, and what the service sees of each."""

from .case import Case, Seen, good

H = b"Host: a.test\r\n"


def _get(id: str, target: bytes, path: bytes | None = None) -> Case:  # noqa: A002
    return good(id, b"GET %b HTTP/1.1\r\n%b\r\n" % (target, H), Seen(b"GET " + (path or target)))


def _fields(id: str, lines: bytes, *fields: tuple[bytes, bytes]) -> Case:  # noqa: A002
    return good(id, b"GET /a HTTP/1.1\r\n%b%b\r\n" % (H, lines), Seen(b"GET /a", fields=fields))


def _chunked(id: str, body: bytes, text: bytes, *trailers: tuple[bytes, bytes]) -> Case:  # noqa: A002
    return good(
        id,
        b"POST /a HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%b" % (H, body),
        Seen(b"POST /a", text, trailers=trailers),
    )


def _host(id: str, host: bytes, told: bytes | None = None) -> Case:  # noqa: A002
    return good(id, b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host, Seen(b"GET /", host=told or host))


TARGETS = [
    _get("target-root", b"/"),
    _get("target-path", b"/a/b/c"),
    _get("target-query", b"/a?b=c&d=%20e"),
    _get("target-empty-query", b"/a?", b"/a"),
    _get("target-question-in-query", b"/a?b?c"),
    _get("target-backslash-and-quote-in-query", b'/a?b\\c="d"'),
    _get("target-slash-at-the-end", b"/a/"),
    _get("target-unreserved-is-decoded", b"/%61%7e%2D", b"/a~-"),
    _get("target-encoding-is-upper-cased", b"/%c3%a9", b"/%C3%A9"),
    _get("target-encoded-slash-stays", b"/a%2fb", b"/a%2Fb"),
    _get("target-encoded-percent-stays", b"/a%2541"),
    _get("target-dot-segments", b"/a/./b/../c", b"/a/c"),
    _get("target-encoded-dot-segments", b"/a/%2e%2E/c", b"/c"),
    _get("target-dot-at-the-end", b"/a/b/..", b"/a/"),
    _get("target-three-dots", b"/.../a"),
    _get("target-colon", b"/a:b@c"),
    _get("target-dots-in-query-stay", b"/a?../../b"),
    _get("target-quotes-and-brackets", b"/a[1]\"'|{}^`<>"),
    _get("target-longest", b"/" + b"x" * 1023),
    good(
        "target-absolute-form",
        b"GET http://B.test:8080/x?y HTTP/1.1\r\nHost: other.test\r\n\r\n",
        Seen(b"GET /x?y", host=b"b.test:8080"),
    ),
    good(
        "target-absolute-form-no-path",
        b"GET http://b.test HTTP/1.1\r\n%b\r\n" % H,
        Seen(b"GET /", host=b"b.test"),
    ),
    good(
        "target-absolute-form-query-only",
        b"GET http://b.test?q HTTP/1.1\r\n%b\r\n" % H,
        Seen(b"GET /?q", host=b"b.test"),
    ),
    good(
        "target-absolute-form-https-upper",
        b"GET HTTPS://b.test/x HTTP/1.1\r\n%b\r\n" % H,
        Seen(b"GET /x", host=b"b.test"),
    ),
]

HOSTS = [
    _host("host-port", b"a.test:8080"),
    _host("host-upper-case", b"A.Test", b"a.test"),
    _host("host-ipv4", b"127.0.0.1"),
    _host("host-ipv6", b"[::1]:3000"),
    _host("host-empty-port", b"a.test:"),
    _host("host-underscore", b"my_service"),
    _host("host-surrounded-by-space", b" \t a.test \t", b"a.test"),
    good("host-absent-in-1.0", b"GET / HTTP/1.0\r\n\r\n", Seen(b"GET /", host=b""), closes=True),
]

METHODS = [
    good(
        f"method-{name.lower()}",
        b"%b /a HTTP/1.1\r\n%b\r\n" % (name.encode(), H),
        Seen(b"%b /a" % name.encode()),
    )
    for name in ("GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "M-SEARCH")
] + [
    good(
        f"method-{name.lower()}",
        b"%b /a HTTP/1.1\r\n%bContent-Length: 2\r\n\r\nhi" % (name.encode(), H),
        Seen(b"%b /a" % name.encode(), b"hi"),
    )
    for name in ("POST", "PUT", "PATCH", "LOCK", "QUERY")
]

BODIES = [
    good("body-none-post", b"POST /a HTTP/1.1\r\n%b\r\n" % H, Seen(b"POST /a")),
    good("body-length-zero", b"POST /a HTTP/1.1\r\n%bContent-Length: 0\r\n\r\n" % H, Seen(b"POST /a")),
    good(
        "body-length",
        b"POST /a HTTP/1.1\r\n%bContent-Length: 11\r\n\r\nhello world" % H,
        Seen(b"POST /a", b"hello world"),
    ),
    good(
        "body-length-leading-zeros",
        b"POST /a HTTP/1.1\r\n%bContent-Length: 0005\r\n\r\nhello" % H,
        Seen(b"POST /a", b"hello"),
    ),
    good("line-version-1.2", b"GET /a HTTP/1.2\r\n%b\r\n" % H, Seen(b"GET /a")),
    good(
        "line-version-1.9-closing",
        b"GET /a HTTP/1.9\r\n%bConnection: close\r\n\r\n" % H,
        Seen(b"GET /a"),
        closes=True,
    ),
    good(
        "body-length-spaces-around",
        b"POST /a HTTP/1.1\r\n%bContent-Length:  \t5 \t\r\n\r\nhello" % H,
        Seen(b"POST /a", b"hello"),
    ),
    good(
        "body-of-get", b"GET /a HTTP/1.1\r\n%bContent-Length: 5\r\n\r\nhello" % H, Seen(b"GET /a", b"hello")
    ),
    good(
        "body-of-head",
        b"HEAD /a HTTP/1.1\r\n%bContent-Length: 5\r\n\r\nhello" % H,
        Seen(b"HEAD /a", b"hello"),
    ),
    good(
        "body-that-looks-like-a-request",
        b"POST /a HTTP/1.1\r\n%bContent-Length: 34\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"[:-1] % H,
        Seen(b"POST /a", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"[:34]),
    ),
    good(
        "body-of-1.0",
        b"POST /a HTTP/1.0\r\n%bContent-Length: 2\r\n\r\nhi" % H,
        Seen(b"POST /a", b"hi"),
        closes=True,
    ),
    good(
        "body-longest",
        b"POST /a HTTP/1.1\r\n%bContent-Length: 65536\r\n\r\n" % H + b"x" * 65536,
        Seen(b"POST /a", b"x" * 65536),
    ),
    _chunked("chunked-one", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    _chunked("chunked-three", b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", b"abcdef"),
    _chunked("chunked-empty", b"0\r\n\r\n", b""),
    _chunked(
        "chunked-hexadecimal", b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789"
    ),
    _chunked("chunked-leading-zeros", b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    _chunked("chunked-extensions-are-dropped", b'5;a;b=c;d="e;f"\r\nhello\r\n0;g=h\r\n\r\n', b"hello"),
    _chunked("chunked-holds-line-ends", b"8\r\n\r\n0\r\n\r\n!\r\n0\r\n\r\n", b"\r\n0\r\n\r\n!"),
    _chunked(
        "trailers-pass",
        b"2\r\nhi\r\n0\r\nX-Sum: abc\r\nX-Other: d\r\n\r\n",
        b"hi",
        (b"x-sum", b"abc"),
        (b"x-other", b"d"),
    ),
    _chunked(
        "trailers-forbidden-are-dropped",
        b"2\r\nhi\r\n0\r\nTrailer: x\r\nUpgrade: x\r\nHost: evil\r\nAuthorization: x\r\n"
        b"Cookie: a\r\nIf-Match: b\r\nX-Good: c\r\n\r\n",
        b"hi",
        (b"x-good", b"c"),
    ),
    _chunked(
        "trailers-reserved-are-dropped",
        b"2\r\nhi\r\n0\r\nX-User-Id: 1\r\nX_Tenant_Id: 2\r\nX-Internal-Auth: 3\r\nForwarded: for=9.9.9.9\r\n\r\n",
        b"hi",
    ),
    good(
        "chunked-upper-case",
        b"POST /a HTTP/1.1\r\n%bTransfer-Encoding: CHUNKED\r\n\r\n2\r\nhi\r\n0\r\n\r\n" % H,
        Seen(b"POST /a", b"hi"),
    ),
]

FIELDS = [
    _fields("field-plain", b"X-One: 1\r\n", (b"x-one", b"1")),
    _fields("field-name-is-lowered", b"X-MiXeD: Value\r\n", (b"x-mixed", b"Value")),
    _fields(
        "field-order-and-repeats-stay", b"B: 1\r\nA: 2\r\nB: 3\r\n", (b"b", b"1"), (b"a", b"2"), (b"b", b"3")
    ),
    _fields("field-spaces-around-are-no-part", b"A: \t x y \t\r\n", (b"a", b"x y")),
    _fields("field-without-space", b"A:x\r\n", (b"a", b"x")),
    _fields("field-empty", b"A:\r\nB: \r\n", (b"a", b""), (b"b", b"")),
    _fields("field-tab-inside", b"A: x\ty\r\n", (b"a", b"x\ty")),
    _fields("field-obs-text-passes", b"A: caf\xc3\xa9\r\n", (b"a", b"caf\xc3\xa9")),
    _fields("field-odd-token", b"a!#$%&'*+-.^_`|~1: x\r\n", (b"a!#$%&'*+-.^_`|~1", b"x")),
    _fields(
        "field-hop-by-hop-dropped",
        b"Keep-Alive: 5\r\nTE: gzip\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\nA: 1\r\n",
        (b"a", b"1"),
    ),
    _fields(
        "field-named-in-connection-dropped",
        b"Connection: Foo, bar\r\nFOO: 1\r\nBar: 2\r\nBaz: 3\r\n",
        (b"baz", b"3"),
    ),
    _fields(
        "field-named-in-connection-before",
        b"Foo: 1\r\nBaz: 3\r\nConnection: keep-alive, foo\r\n",
        (b"baz", b"3"),
    ),
    _fields(
        "field-te-trailers-asked-anew", b"TE: trailers\r\n", (b"te", b"trailers"), (b"connection", b"te")
    ),
    _fields(
        "field-reserved-dropped",
        b"X-Internal-Auth: 1\r\nx-user-id: 2\r\nX-Venue-Context-Id: 3\r\nX-Gateway-Forwarded: no\r\nX-Tenant-Id: 4\r\n"
        b"X-Tenant-Source: 5\r\nX-Admin-Token: 6\r\nX-Privileged: 7\r\nX-Request-Deadline: 8\r\nA: 9\r\n",
        (b"a", b"9"),
    ),
    _fields(
        "field-reserved-with-underscores-dropped",
        b"X_Tenant_Id: 1\r\nX_User-Id: 2\r\nx_internal_service: 3\r\nX_Forwarded_For: 6.6.6.6\r\nA_B: 4\r\n",
        (b"a_b", b"4"),
    ),
    _fields(
        "field-framing-with-underscores-dropped",
        b"Transfer_Encoding: chunked\r\nContent_Length: 7\r\nProxy_Connection: x\r\nA: 1\r\n",
        (b"a", b"1"),
    ),
    _fields(
        "field-forwarded-family-dropped",
        b"X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Original-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\n",
    ),
    _fields(
        "field-count-most",
        b"".join(b"A%d: x\r\n" % n for n in range(29)),
        *((b"a%d" % n, b"x") for n in range(29)),
    ),
    _fields("field-long", b"A: %b\r\n" % (b"x" * 4000), (b"a", b"x" * 4000)),
]

CONNECTIONS = [
    good(
        "pipeline-of-three",
        b"".join(b"GET /%d HTTP/1.1\r\n%b\r\n" % (n, H) for n in range(3)),
        *(Seen(b"GET /%d" % n) for n in range(3)),
    ),
    good(
        "pipeline-of-kinds",
        b"POST /1 HTTP/1.1\r\n%bContent-Length: 2\r\n\r\nhi"
        b"POST /2 HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n2\r\nyo\r\n0\r\nX-T: 1\r\n\r\n"
        b"HEAD /3 HTTP/1.1\r\n%b\r\nGET /4 HTTP/1.1\r\n%b\r\n" % (H, H, H, H),
        Seen(b"POST /1", b"hi"),
        Seen(b"POST /2", b"yo", trailers=((b"x-t", b"1"),)),
        Seen(b"HEAD /3"),
        Seen(b"GET /4"),
    ),
    good(
        "pipeline-behind-lines-in-chunks",
        b"POST /1 HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n1a\r\n\r\n\r\nGET /2 HTTP/1.1\r\na: \r\n\r\n"
        b"0\r\nX-T: 1\r\n\r\n\r\nGET /2 HTTP/1.1\r\n%b\r\n" % (H, H),
        Seen(b"POST /1", b"\r\n\r\nGET /2 HTTP/1.1\r\na: \r\n", trailers=((b"x-t", b"1"),)),
        Seen(b"GET /2"),
    ),
    good(
        "pipeline-empty-line-before",
        b"\r\nGET /1 HTTP/1.1\r\n%b\r\n\r\nGET /2 HTTP/1.1\r\n%b\r\n" % (H, H),
        Seen(b"GET /1"),
        Seen(b"GET /2"),
    ),
    good(
        "pipeline-of-versions",
        b"GET /1 HTTP/1.1\r\n%b\r\nGET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /1 HTTP/1.1\r\n%b\r\n"
        % (H, H),
        Seen(b"GET /1"),
        Seen(b"GET /1", host=b""),
        Seen(b"GET /1"),
    ),
    good(
        "expect-continue-with-space-behind",
        b"POST /1 HTTP/1.1\r\n%bExpect: 100-continue \r\nContent-Length: 2\r\n\r\nhi" % H,
        Seen(b"POST /1", b"hi"),
    ),
    good(
        "connection-close",
        b"GET /1 HTTP/1.1\r\n%bConnection: close\r\n\r\n" % H,
        Seen(b"GET /1"),
        closes=True,
    ),
    good(
        "connection-close-in-list",
        b"GET /1 HTTP/1.1\r\n%bConnection: x, CLOSE\r\n\r\n" % H,
        Seen(b"GET /1"),
        closes=True,
    ),
    good(
        "connection-close-of-proxies",
        b"GET /1 HTTP/1.1\r\n%bProxy-Connection: close\r\n\r\n%b" % (H, b"GET /2"),
        Seen(b"GET /1"),
        closes=True,
    ),
    good(
        "connection-close-in-pipeline",
        b"GET /1 HTTP/1.1\r\n%b\r\nGET /2 HTTP/1.1\r\n%bConnection: close\r\n\r\n" % (H, H),
        Seen(b"GET /1"),
        Seen(b"GET /2"),
        closes=True,
    ),
    good(
        "connection-1.0-close-wins",
        b"GET /1 HTTP/1.0\r\n%bConnection: keep-alive, close\r\n\r\nGET /2 HTTP/1.0\r\n%b\r\n" % (H, H),
        Seen(b"GET /1"),
        closes=True,
    ),
    good("connection-1.0", b"GET /1 HTTP/1.0\r\n%b\r\n" % H, Seen(b"GET /1"), closes=True),
    good(
        "connection-1.0-close",
        b"GET /1 HTTP/1.0\r\n%bConnection: close\r\n\r\n" % H,
        Seen(b"GET /1"),
        closes=True,
    ),
    good(
        "connection-1.0-keep-alive",
        b"GET /1 HTTP/1.0\r\n%bConnection: keep-alive\r\n\r\n" % H,
        Seen(b"GET /1"),
    ),
    good(
        "expect-continue-with-body",
        b"POST /1 HTTP/1.1\r\n%bExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi" % H,
        Seen(b"POST /1", b"hi"),
    ),
    good(
        "expect-continue-in-1.0-is-ignored",
        b"POST /1 HTTP/1.0\r\n%bExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi" % H,
        Seen(b"POST /1", b"hi"),
        closes=True,
    ),
]

UPGRADES = [
    good(
        "upgrade-h2c-dropped",
        b"GET /1 HTTP/1.1\r\n%bUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAM\r\n\r\n"
        % H,
        Seen(b"GET /1"),
    ),
    good(
        "upgrade-h2c-dropped-in-pipeline",
        b"GET /1 HTTP/1.1\r\n%bUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nGET /2 HTTP/1.1\r\n%b\r\n" % (H, H),
        Seen(b"GET /1"),
        Seen(b"GET /2"),
    ),
    good(
        "upgrade-without-connection", b"GET /1 HTTP/1.1\r\n%bUpgrade: websocket\r\n\r\n" % H, Seen(b"GET /1")
    ),
    good(
        "upgrade-without-connection-and-body",
        b"POST /1 HTTP/1.1\r\n%bUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi" % H,
        Seen(b"POST /1", b"hi"),
    ),
    # As curl and Java's HttpClient ask for HTTP/2 with their first request, whatever it is.
    good(
        "upgrade-h2c-with-length-dropped",
        b"POST /1 HTTP/1.1\r\n%bConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"
        b"Content-Length: 5\r\n\r\nhello" % H,
        Seen(b"POST /1", b"hello"),
    ),
    good(
        "upgrade-h2c-with-chunked-dropped",
        b"POST /1 HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nA: 1\r\n\r\n" % H,
        Seen(b"POST /1", b"hello", trailers=((b"a", b"1"),)),
    ),
    good(
        "upgrade-h2c-with-length-closing",
        b"POST /1 HTTP/1.1\r\n%bConnection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"
        % H,
        Seen(b"POST /1", b"hello"),
        closes=True,
    ),
    good(
        "upgrade-h2c-with-length-in-pipeline",
        b"GET /0 HTTP/1.1\r\n%b\r\nPOST /1 HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\n%b\r\n" % (H, H, H),
        Seen(b"GET /0"),
        Seen(b"POST /1", b"hello"),
        Seen(b"GET /2"),
    ),
    good(
        "upgrade-list-dropped",
        b"GET /1 HTTP/1.1\r\n%bUpgrade: websocket, h2c\r\nConnection: Upgrade\r\n\r\n" % H,
        Seen(b"GET /1"),
    ),
    good(
        "upgrade-by-post-dropped",
        b"POST /1 HTTP/1.1\r\n%bUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" % H,
        Seen(b"POST /1"),
    ),
    good(
        "upgrade-in-1.0-dropped",
        b"GET /1 HTTP/1.0\r\n%bUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" % H,
        Seen(b"GET /1"),
        closes=True,
    ),
    good(
        "upgrade-tls-dropped",
        b"OPTIONS /1 HTTP/1.1\r\n%bUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n" % H,
        Seen(b"OPTIONS /1"),
    ),
]

CASES = TARGETS + HOSTS + METHODS + BODIES + FIELDS + CONNECTIONS + UPGRADES
