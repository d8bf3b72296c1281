"""The one form of a request path: what is matched is what is forwarded, byte for byte.

RFC 3986 section 6.2.2: percent-encoded unreserved characters are decoded, other encodings upper-cased, dot
segments resolved. Nothing else is changed; what a service might read in another way than we do is refused:
`//` (services disagree on merging), `..` hidden behind `;`, `%2F` or `%5C` (decoded later by some), a way
above the root, NUL, `\\`. `%2F` stays as it is and never matches `/`. The result is a fixed point:
normalising it again changes nothing.
"""

from __future__ import annotations

import re
from enum import Enum

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

# Visible ASCII without `%`, `\`, `#`, `?`; no segment is empty or begins with a dot. Almost every path passes
# this single scan and is returned as it is.
_settled = re.compile(
    rb"/(?:[!\"$&-\-0->@-\[\]-~][!\"$&-.0->@-\[\]-~]*+(?:/[!\"$&-\-0->@-\[\]-~][!\"$&-.0->@-\[\]-~]*+)*+/?)?"
).fullmatch

_refusable = re.compile(rb"[^!\"$->@-\[\]-~]|//|%(?![0-9A-Fa-f]{2})").search
_encoding = re.compile(rb"%[0-9A-Fa-f]{2}")
_control = re.compile(rb"[\x00-\x20\x7f]").search
# A dot segment to a service that drops `;parameters` (servlet containers) or decodes slashes first.
_hidden_dots = re.compile(rb"(?:/|%2F|%5C)\.\.?(?:;|%3B|%2F|%5C)|(?:%2F|%5C)\.\.?(?:/|$)").search

_DECODED = {
    b"%%%02X" % code: (bytes((code,)) if code in _UNRESERVED else b"%%%02X" % code) for code in range(256)
}


class PathRefusal(Enum):
    """Why a path is answered with 400; the value is a sentence for a person."""

    NOT_ABSOLUTE = "the path does not begin with a slash"
    CONTROL = "the path holds a space or a control character"
    NON_ASCII = "the path holds bytes outside ASCII that are not percent-encoded"
    BACKSLASH = "the path holds a backslash"
    DELIMITER = "the path holds '#' or '?'"
    BAD_ENCODING = "a percent sign is not followed by two hexadecimal digits"
    NUL = "the path holds an encoded NUL"
    EMPTY_SEGMENT = "the path holds an empty segment (two slashes in a row)"
    ABOVE_ROOT = "dot segments lead above the root"
    HIDDEN_DOTS = "a dot segment is hidden behind ';' or an encoded slash"


def normalise(path: bytes) -> bytes | None:
    """The normalised form of a received path (without query), or None when it is refused.

    `refusal` says why. Source: RFC 3986 sections 5.2.4 and 6.2.2, and the refusals named above.
    """
    if _settled(path):
        return path
    settled = _settle(path)
    return settled if isinstance(settled, bytes) else None


def refusal(path: bytes) -> PathRefusal | None:
    """Why `normalise` refuses this path, or None when it does not."""
    settled = _settle(path)
    return settled if isinstance(settled, PathRefusal) else None


def _settle(path: bytes) -> bytes | PathRefusal:
    if path[:1] != b"/":
        return PathRefusal.NOT_ABSOLUTE
    if _refusable(path):
        return _reason(path)
    decoded = _encoding.sub(_settled_encoding, path) if b"%" in path else path
    if b"%00" in decoded:
        return PathRefusal.NUL
    if b"." not in decoded:
        return decoded
    if _hidden_dots(decoded):
        return PathRefusal.HIDDEN_DOTS
    return _without_dots(decoded)


def _settled_encoding(found: re.Match[bytes]) -> bytes:
    return _DECODED[found[0].upper()]


def _reason(path: bytes) -> PathRefusal:
    if _control(path):
        return PathRefusal.CONTROL
    if not path.isascii():
        return PathRefusal.NON_ASCII
    if b"\\" in path:
        return PathRefusal.BACKSLASH
    if b"#" in path or b"?" in path:
        return PathRefusal.DELIMITER
    if b"//" in path:
        return PathRefusal.EMPTY_SEGMENT
    return PathRefusal.BAD_ENCODING


def _without_dots(path: bytes) -> bytes | PathRefusal:
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            if not kept:
                return PathRefusal.ABOVE_ROOT
            kept.pop()
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")  # "/a/." is "/a/" (RFC 3986 section 5.2.4)
    return b"/" + b"/".join(kept)
