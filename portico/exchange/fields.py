"""Header fields as the gateway holds them: lower-case names, in the order received (RFC 9110 section 5).

A field list is `list[tuple[bytes, bytes]]`. `Keep` decides per name whether a field may pass, and remembers its
verdict, so that a request pays one dictionary look-up per field. Values are never joined or reordered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Field = tuple[bytes, bytes]

# RFC 9110 section 7.6.1, and the fields that frame a message: the gateway writes its own framing on each side.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"proxy-connection",
        b"keep-alive",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"content-length",
    }
)

# Names, and the bytes of one: a client that invents names cannot grow the memory beyond this.
_REMEMBERED = 1024
_NAME_BYTES = 64


def first(fields: Iterable[Field], name: bytes) -> bytes | None:
    """The first value of `name` (lower case), or None."""
    for field, value in fields:
        if field == name:
            return value
    return None


TWICE = b"\0"  # no field has such a value


def only(fields: Iterable[Field], name: bytes) -> bytes | None:
    """The value of `name` (lower case), None without such a field; `TWICE`, by identity, where there are several."""
    found: bytes | None = None
    for field, value in fields:
        if field == name:
            if found is not None:
                return TWICE
            found = value
    return found


def tokens(value: bytes) -> list[bytes]:
    """The lower-case members of a comma-separated list of tokens (RFC 9110 section 5.6.1), empty ones left out."""
    return [token for part in value.split(b",") if (token := part.strip().lower())]


class Matcher:
    """Whether a name (lower case) is one of these; a pattern may end in `*`.

    A class, like all that decides about names: a compiled closure is a cycle, and would outlive its configuration.
    """

    __slots__ = ("_names", "_prefixes")

    def __init__(self, patterns: Iterable[str]) -> None:
        written = tuple(patterns)
        self._names = frozenset([pattern.encode() for pattern in written if not pattern.endswith("*")])
        self._prefixes = tuple([pattern[:-1].encode() for pattern in written if pattern.endswith("*")])

    def __call__(self, name: bytes) -> bool:
        return name in self._names or name.startswith(self._prefixes)


class Names(dict[bytes, tuple[bytes, int]]):
    """Field name as received → (in lower case, its kind). Bounded, and read at dictionary speed.

    `kinds` numbers the names that the reader of a head must look at, all others are of kind 0. One object per
    name also means that every later look-up by it finds its hash computed.
    """

    __slots__ = ("_kinds",)

    def __init__(self, kinds: dict[bytes, int]) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, received: bytes) -> tuple[bytes, int]:
        name = received.lower()
        known = (name, self._kinds.get(name, 0))
        if len(self) < _REMEMBERED and len(name) <= _NAME_BYTES:
            self[received] = known
        return known


class Keep(dict[bytes, bool]):
    """Name → may this field pass? Filled on first sight by `decide`, bounded, read at dictionary speed.

    `keep[name]` is the verdict; `[f for f in fields if keep[f[0]]]` filters a field list.
    """

    __slots__ = ("_decide",)

    def __init__(self, decide: Callable[[bytes], bool]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, name: bytes) -> bool:
        verdict = self._decide(name)
        if len(self) < _REMEMBERED and len(name) <= _NAME_BYTES:
            self[name] = verdict
        return verdict


def render(fields: Iterable[Field]) -> bytes:
    """Fields as HTTP/1.1 lines, each ended by CRLF (RFC 9112 section 5)."""
    lines = [b": ".join(field) for field in fields]
    lines.append(b"")
    return b"\r\n".join(lines)
