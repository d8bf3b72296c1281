"""A path is refused, or brought into one form that is its own normal form, equals what a naive reading of RFC 3986
says, and holds no dot segment for a service that decodes slashes, drops parameters or merges slashes; every shortcut
agrees.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from urllib.parse import unquote_to_bytes

from portico.exchange.request import Request
from portico.http.reader import RequestReader
from portico.routing.normal import normalise, refusal

SEEDS = (
    b"/", b"/a/b", b"/a/./b/../c", b"/%61%2Fb", b"/a%2fb/", b"/a;v=1/b", b"/.a/b.", b"/a/%2e%2e/b", b"/a?b=c",
    b"/%7Euser/caf%C3%A9", b"/a/b/..", b"*", b"/a..b/...",
)  # fmt: skip
WORDS = (
    b"/", b"//", b"/.", b"/..", b"/../", b"/./", b"..", b";", b";/", b"%2f", b"%2F", b"%5c", b"%5C", b"%2e",
    b"%2E", b"%3b", b"%3B", b"%00", b"%25", b"%252e", b"%7e", b"%zz", b"%", b"\\", b"?", b"#", b"..;/",
    b"%2f..%2f", b"\x7f", b"/..%2f", b"%2e%2e/", b"\xc3\xa9", b"~", b"!$&'()*+,=:@",
)  # fmt: skip
BREAKS = rb"/"  # where a line of it ends, as a set of a pattern
MAX_BYTES = 200

_BOUNDS = SimpleNamespace(header_bytes=1024, header_count=10, target_bytes=1024)
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]").fullmatch
_PATH = re.compile(rb"/[\x21-\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*").fullmatch


def check(data: bytes) -> None:
    """One path, and as the target of a request."""
    path, _, query = data.partition(b"?")
    normal = normalise(path)
    assert (normal is None) == (refusal(path) is not None), "the reason and the verdict differ"
    if normal is not None:
        _judge(path, normal)
    _judge_target(data, path, query, normal)


def _judge(path: bytes, normal: bytes) -> None:
    assert normalise(normal) == normal, f"{normal!r} is not its own normal form"
    assert _PATH(normal), f"{normal!r} is no path"
    assert normal == _naive(path), f"{normal!r} is not {_naive(path)!r}"
    assert b"//" not in normal
    assert b"%00" not in normal
    for code in _ENCODED.findall(normal):
        assert code == code.upper(), f"{normal!r} has an encoding in lower case"
        assert not _UNRESERVED(bytes.fromhex(code.decode())), f"{normal!r} hides a plain character"
    assert normal.count(b"%") == len(_ENCODED.findall(normal)), f"{normal!r} has a stray percent sign"
    for careless in _careless(normal):
        dots = {b".", b".."} & set(careless.split(b"/"))
        assert not dots, f"a careless service reads {careless!r} in {normal!r}"


def _naive(path: bytes) -> bytes:
    """RFC 3986 sections 6.2.2 and 5.2.4, to the letter and slowly."""

    def decoded(found: re.Match[bytes]) -> bytes:
        sign = bytes.fromhex(found[1].decode())
        return sign if _UNRESERVED(sign) else found[0].upper()

    rest, done = _ENCODED.sub(decoded, path), b""
    while rest:
        if rest.startswith(b"/./") or rest == b"/.":
            rest = b"/" + rest[3:]
        elif rest.startswith(b"/../") or rest == b"/..":
            rest = b"/" + rest[4:]
            assert done, f"{path!r} leads above the root"
            done = done[: done.rindex(b"/")]
        else:
            end = rest.find(b"/", 1)
            end = len(rest) if end < 0 else end
            done, rest = done + rest[:end], rest[end:]
    return done


def _careless(normal: bytes) -> list[bytes]:
    slashes = re.sub(rb"(?i)%2f|%5c", b"/", normal)
    return [
        slashes,
        unquote_to_bytes(normal).replace(b"\\", b"/"),
        re.sub(rb"(?i)(?:;|%3b)[^/]*", b"", normal),
        re.sub(rb"(?i)(?:;|%3b)[^/]*", b"", slashes),
    ]


def _judge_target(target: bytes, path: bytes, query: bytes, normal: bytes | None) -> None:
    """What a request is given is what `normal` says."""
    if not target.startswith(b"/") or re.search(rb"[\x00-\x20\x7f]", target):
        return  # not one word, or another form: request_bytes is about those
    reader = RequestReader(_BOUNDS, b"http")
    reader.feed(b"GET %b HTTP/1.1\r\nHost: a.test\r\n\r\n" % target)
    request = reader.queue[0] if reader.queue else Request()
    failure = reader.failure or request.refusal
    reader.close()
    if normal is None:
        assert failure is not None, f"served {target!r}"
    elif failure is None:
        assert (request.path, request.query) == (normal, query), (request.path, request.query)
        assert re.fullmatch(rb"[\x21-\x22\x24-\x7e]*", query), query
    else:
        assert re.search(rb"[^\x21-\x7e]|#", query), f"refused {target!r}"


if __name__ == "__main__":
    from .__main__ import alone

    alone("paths")
