"""Path and host patterns as a person writes them: parsed, checked, and compared.

`/a/{id}/b` names one segment, `*` is one segment without a name, `**` is the rest and comes last. `/a/**`
matches `/a`, `/a/` and everything below. A trailing slash counts: `/a` and `/a/` are two paths (RFC 3986
knows no other rule), only `**` takes both. `{id}` and `*` never match an empty segment. Host patterns are a
name, or `*.example.com` for every name below it (not `example.com` itself), or `*` for any. A literal that no
normalised path can equal is refused with the form that would work.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple
from urllib.parse import quote

from .normal import normalise

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*"
)
_IPV6 = re.compile(r"\[[0-9a-f:.]+\]")
_RAW_SAFE = "!\"$&'()*+,-.:;<=>@[]^_`|~%"


class PatternError(ValueError):
    """A pattern that cannot be used; `reason` is a clause for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Kind(IntEnum):
    """What a segment of a path pattern matches, the most specific first."""

    LITERAL = 1
    PARAM = 2
    ONE = 3
    REST = 4


class Segment(NamedTuple):
    """One segment of a path pattern: the literal's bytes, or the parameter's name."""

    kind: Kind
    literal: bytes = b""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A parsed path pattern. `captures` pairs each parameter with its place in `path.split(b"/")`."""

    text: str
    segments: tuple[Segment, ...]
    captures: tuple[tuple[str, int], ...]

    def matches(self, path: bytes) -> bool:
        """Whether a normalised path matches: the plain definition; requests use the trie."""
        parts = path.split(b"/")[1:]
        for place, segment in enumerate(self.segments):
            if segment.kind is Kind.REST:
                return True
            if place == len(parts) or not _takes(segment, parts[place]):
                return False
        return len(parts) == len(self.segments)

    def shared_segments(self, path: bytes) -> int:
        """How many segments from the left match: the nearness of a near miss."""
        count = 0
        for segment, part in zip(self.segments, path.split(b"/")[1:], strict=False):
            if segment.kind is not Kind.REST and not _takes(segment, part):
                break
            count += 1
        return count


def _takes(segment: Segment, part: bytes) -> bool:
    return part == segment.literal if segment.kind is Kind.LITERAL else bool(part)


class HostKind(Enum):
    """What a host pattern matches."""

    EXACT = "exact"
    SUFFIX = "suffix"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A parsed host pattern: `name` is the host, or the suffix with its dot (`.example.com`), or empty."""

    text: str = field(compare=False)
    kind: HostKind
    name: bytes

    def matches(self, host: bytes) -> bool:
        """Whether a host (lower case, without port) matches."""
        if self.kind is HostKind.ANY:
            return True
        if self.kind is HostKind.EXACT:
            return host == self.name
        return len(host) > len(self.name) and host.endswith(self.name)

    def covers(self, other: HostPattern) -> bool:
        """Whether every host that matches `other` matches this pattern too."""
        if self.kind is HostKind.ANY or self == other:
            return True
        return (
            self.kind is HostKind.SUFFIX and other.kind is not HostKind.ANY and other.name.endswith(self.name)
        )


ANY_HOST = HostPattern("*", HostKind.ANY, b"")


def parse_path(text: str) -> PathPattern:
    """The pattern that `text` writes; raises PatternError."""
    if not text.startswith("/"):
        raise PatternError("a path pattern begins with '/'")
    written = text.split("/")[1:]
    segments = [_segment(part, place == len(written) - 1) for place, part in enumerate(written)]
    captures = tuple((s.name, place + 1) for place, s in enumerate(segments) if s.kind is Kind.PARAM)
    _refuse_doubled([name for name, _ in captures])
    return PathPattern(text, tuple(segments), captures)


def _refuse_doubled(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise PatternError(f"the parameter {{{name}}} occurs twice")


def _segment(part: str, last: bool) -> Segment:
    if part == "**":
        if not last:
            raise PatternError("'**' takes the rest of the path and must come last")
        return Segment(Kind.REST)
    if part == "*":
        return Segment(Kind.ONE)
    if part.startswith("{") and part.endswith("}"):
        return _parameter(part[1:-1])
    if not part:
        if not last:
            raise PatternError("an empty segment ('//') matches nothing: such requests are refused")
        return Segment(Kind.LITERAL)
    return Segment(Kind.LITERAL, _literal(part))


def _parameter(name: str) -> Segment:
    if not name:
        raise PatternError("'{}' needs a name")
    if not _NAME.fullmatch(name):
        raise PatternError(f"'{name}' is no parameter name: letters, digits, '_' and '-', not a digit first")
    return Segment(Kind.PARAM, name=name)


def _literal(part: str) -> bytes:
    if "{" in part or "}" in part:
        raise PatternError(f"a parameter takes a whole segment, unlike '{part}'")
    if "*" in part:
        raise PatternError(f"'*' takes a whole segment, unlike '{part}'")
    if "?" in part or "#" in part:
        raise PatternError("a path pattern has no query and no fragment")
    if part in (".", ".."):
        raise PatternError(f"'{part}' matches nothing: dot segments are resolved before matching")
    written = part.encode("utf-8")
    normal = normalise(b"/" + written)
    if normal is None:
        normal = normalise(b"/" + quote(part, safe=_RAW_SAFE).encode("ascii"))
    if normal is None:
        raise PatternError(f"'{part}' matches nothing: requests with it are refused")
    if normal[1:] != written:
        raise PatternError(f"'{part}' is not in normalised form: write '{normal[1:].decode('ascii')}'")
    return written


def parse_host(text: str) -> HostPattern:
    """The host pattern that `text` writes (upper case is folded); raises PatternError."""
    if text == "*":
        return ANY_HOST
    name = text.lower()
    suffix = name.startswith("*.")
    bare = name[2:] if suffix else name
    if "*" in bare:
        raise PatternError(f"'*' is only allowed as the first label, as in '*.example.com', unlike '{text}'")
    if not bare.isascii():
        raise PatternError(f"'{text}' is not ASCII: write the name in its 'xn--' form")
    if not suffix and _IPV6.fullmatch(bare):
        return HostPattern(text, HostKind.EXACT, bare.encode("ascii"))
    if ":" in bare:
        raise PatternError(f"a host pattern has no scheme and no port, unlike '{text}'")
    if not _HOST.fullmatch(bare):
        raise PatternError(f"'{text}' is no host name")
    if suffix:
        return HostPattern(text, HostKind.SUFFIX, b"." + bare.encode("ascii"))
    return HostPattern(text, HostKind.EXACT, bare.encode("ascii"))
