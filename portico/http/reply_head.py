"""What a service's head says of its body's end and of the connection: which fields do, and how much there may be.

Only reads: `channel` decides what comes of it (RFC 9112 sections 6.3 and 9.6).
"""

from __future__ import annotations

from typing import Final

from portico.exchange.fields import Field, Names, tokens

HEAD_BYTES: Final = 65536  # of a head, on the wire, and of what frames its body between two pieces of it
FIELDS: Final = 256  # of a head, and of the trailers
INTERIMS: Final = 32  # 1xx replies to one request

LENGTH: Final = 1
CODING: Final = 2
CONNECTION: Final = 3
KEEP_ALIVE: Final = 4
DATE: Final = 5

# The names of reply fields; those of a kind are what a channel looks at itself.
NAMES = Names(
    {
        b"content-length": LENGTH,
        b"transfer-encoding": CODING,
        b"connection": CONNECTION,
        b"keep-alive": KEEP_ALIVE,
        b"date": DATE,
    }
)


def announces_body(fields: list[Field]) -> bool:
    """Whether a parser that knows no better would read a body behind a head with these fields."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" \t0") != b"")
        for name, value in fields
    )


def patience_s(value: bytes, most_s: float) -> float:
    """How long an idle connection is good after `Keep-Alive: timeout=5`: a little shorter, and at most `most_s`."""
    for parameter in tokens(value):
        name, _, seconds = parameter.partition(b"=")
        if name.strip() == b"timeout" and seconds.strip().isdigit():
            return min(most_s, max(0.0, int(seconds) - 1.0))
    return most_s
