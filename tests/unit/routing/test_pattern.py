"""Which patterns can be written, what they match, and what is said about those that cannot be used."""

from __future__ import annotations

import pytest

from portico.routing import PatternError, parse_host, parse_path


@pytest.mark.parametrize(
    ("pattern", "matched", "missed"),
    [
        ("/", [b"/"], [b"/a"]),
        ("/a", [b"/a"], [b"/a/", b"/", b"/a/b", b"/b", b"/A"]),
        ("/a/", [b"/a/"], [b"/a", b"/a/b"]),
        ("/a/{id}", [b"/a/1", b"/a/%2F"], [b"/a", b"/a/", b"/a/1/", b"/a/1/b"]),
        ("/a/{id}/b", [b"/a/1/b"], [b"/a/1/c", b"/a/1", b"/a//b"]),
        ("/a/*", [b"/a/1"], [b"/a", b"/a/", b"/a/1/2"]),
        ("/a/**", [b"/a", b"/a/", b"/a/1", b"/a/1/2/"], [b"/", b"/ab", b"/b/a"]),
        ("/**", [b"/", b"/a", b"/a/b"], []),
        ("/{id}/**", [b"/a", b"/a/", b"/a/b"], [b"/"]),
        ("/a%2Fb", [b"/a%2Fb"], [b"/a/b"]),
    ],
)
def test_what_a_path_pattern_matches(pattern: str, matched: list[bytes], missed: list[bytes]) -> None:
    parsed = parse_path(pattern)
    assert [path for path in matched if not parsed.matches(path)] == []
    assert [path for path in missed if parsed.matches(path)] == []


def test_captures_point_into_the_split_path() -> None:
    captures = parse_path("/a/{id}/b/{note-id}").captures
    assert captures == (("id", 2), ("note-id", 4))
    assert b"/a/7/b/9".split(b"/")[captures[1][1]] == b"9"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a", "begins with '/'"),
        ("", "begins with '/'"),
        ("/a/{id}/{id}", "{id} occurs twice"),
        ("/**/a", "must come last"),
        ("/**/", "must come last"),
        ("/a/{}", "needs a name"),
        ("/a/{1x}", "no parameter name"),
        ("/a/{id}.json", "whole segment"),
        ("/a/b*", "whole segment"),
        ("/a/***", "whole segment"),
        ("/a//b", "empty segment"),
        ("/a?b=1", "no query"),
        ("/a#b", "no fragment"),
        ("/a/../b", "dot segments are resolved"),
        ("/a/./b", "dot segments are resolved"),
        ("/%7Euser", "write '~user'"),
        ("/a%2fb", "write 'a%2Fb'"),
        ("/café", "write 'caf%C3%A9'"),
        ("/a b", "write 'a%20b'"),
        ("/a%2", "refused"),
        ("/a%00", "refused"),
        ("/..;a", "refused"),
    ],
)
def test_a_pattern_that_cannot_match_says_why(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError) as error:
        parse_path(pattern)
    assert reason in error.value.reason


@pytest.mark.parametrize(
    ("pattern", "matched", "missed"),
    [
        ("*", [b"", b"a.example.com"], []),
        ("API.Example.com", [b"api.example.com"], [b"example.com", b"x.api.example.com"]),
        (
            "*.example.com",
            [b"a.example.com", b"a.b.example.com"],
            [b"example.com", b".example.com", b"aexample.com"],
        ),
        ("[::1]", [b"[::1]"], [b"::1"]),
        ("localhost", [b"localhost"], [b"localhost.localdomain"]),
    ],
)
def test_what_a_host_pattern_matches(pattern: str, matched: list[bytes], missed: list[bytes]) -> None:
    parsed = parse_host(pattern)
    assert [host for host in matched if not parsed.matches(host)] == []
    assert [host for host in missed if parsed.matches(host)] == []


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "no host name"),
        ("a.*.com", "first label"),
        ("**.com", "first label"),
        ("*example.com", "first label"),
        ("example.com:80", "no port"),
        ("http://example.com", "no scheme"),
        ("bücher.example", "xn--"),
        ("-a.com", "no host name"),
        ("a..com", "no host name"),
        ("a" * 254, "no host name"),
    ],
)
def test_a_host_pattern_that_cannot_match_says_why(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError) as error:
        parse_host(pattern)
    assert reason in error.value.reason


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("*", "a.com", True),
        ("a.com", "*", False),
        ("a.com", "A.com", True),
        ("*.a.com", "x.a.com", True),
        ("*.a.com", "*.b.a.com", True),
        ("*.a.com", "a.com", False),
        ("*.b.a.com", "*.a.com", False),
    ],
)
def test_which_host_pattern_covers_which(wide: str, narrow: str, covers: bool) -> None:
    assert parse_host(wide).covers(parse_host(narrow)) is covers
