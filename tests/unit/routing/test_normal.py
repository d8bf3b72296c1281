"""What a request path becomes, and which paths are refused and why."""

from __future__ import annotations

import pytest

from portico.routing import PathRefusal, normalise, refusal


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/a",
        b"/a/",
        b"/api/v1/tickets/123",
        b"/a.b/c..d/e.",
        b"/a;v=1/b,c:d@e!$&'()*+=~_-",
        b"/a/%2F/b",
        b"/files/a%2Fb",
        b"/%E2%82%AC/%20",
        b"/a%252e%252e/b",
        b"/.well-known/jwks.json",
        b"/...",
        b"/..a",
        b'/"<>[]^`{|}',
    ],
)
def test_a_normal_path_is_returned_as_it_is(path: bytes) -> None:
    assert normalise(path) == path
    assert refusal(path) is None


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        (b"/%7euser/%41", b"/~user/A"),
        (b"/a%2fb", b"/a%2Fb"),
        (b"/%e2%82%ac", b"/%E2%82%AC"),
        (b"/a/./b", b"/a/b"),
        (b"/a/b/../c", b"/a/c"),
        (b"/a/%2e%2E/c", b"/c"),
        (b"/a/.%2e", b"/"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"/.", b"/"),
        (b"/a/../b/./../c/", b"/c/"),
    ],
)
def test_encodings_and_dot_segments_are_settled(path: bytes, normal: bytes) -> None:
    assert normalise(path) == normal


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (b"", PathRefusal.NOT_ABSOLUTE),
        (b"*", PathRefusal.NOT_ABSOLUTE),
        (b"a/b", PathRefusal.NOT_ABSOLUTE),
        (b"/a b", PathRefusal.CONTROL),
        (b"/a\x00", PathRefusal.CONTROL),
        (b"/a\r\nb", PathRefusal.CONTROL),
        (b"/a\x7f", PathRefusal.CONTROL),
        (b"/caf\xc3\xa9", PathRefusal.NON_ASCII),
        (b"/a\\b", PathRefusal.BACKSLASH),
        (b"/a#b", PathRefusal.DELIMITER),
        (b"/a?b", PathRefusal.DELIMITER),
        (b"/a%", PathRefusal.BAD_ENCODING),
        (b"/a%4", PathRefusal.BAD_ENCODING),
        (b"/a%zz", PathRefusal.BAD_ENCODING),
        (b"/a%2%35", PathRefusal.BAD_ENCODING),
        (b"/a%00b", PathRefusal.NUL),
        (b"//", PathRefusal.EMPTY_SEGMENT),
        (b"//admin", PathRefusal.EMPTY_SEGMENT),
        (b"/a//b", PathRefusal.EMPTY_SEGMENT),
        (b"/a/", None),
        (b"/..", PathRefusal.ABOVE_ROOT),
        (b"/a/../..", PathRefusal.ABOVE_ROOT),
        (b"/%2e%2e/etc", PathRefusal.ABOVE_ROOT),
        (b"/a/..;/admin", PathRefusal.HIDDEN_DOTS),
        (b"/a/..;x=1/admin", PathRefusal.HIDDEN_DOTS),
        (b"/a/.;/admin", PathRefusal.HIDDEN_DOTS),
        (b"/a/%2e%2e;/admin", PathRefusal.HIDDEN_DOTS),
        (b"/a/..%2fadmin", PathRefusal.HIDDEN_DOTS),
        (b"/a/..%5cadmin", PathRefusal.HIDDEN_DOTS),
        (b"/a/b%2F..", PathRefusal.HIDDEN_DOTS),
        (b"/a/b%2F../c", PathRefusal.HIDDEN_DOTS),
        (b"/a/b%5C..%5Cc", PathRefusal.HIDDEN_DOTS),
    ],
)
def test_what_services_could_read_otherwise_is_refused(path: bytes, why: PathRefusal | None) -> None:
    assert refusal(path) is why
    assert (normalise(path) is None) == (why is not None)
