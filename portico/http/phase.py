"""What a client's connection waits for, and how long.

phase     waits for                      patience
IDLE      the first byte of a request    timeouts.keep_alive
HEAD      the end of a head              timeouts.header, from its first byte
BODY      more of the request's body     timeouts.body, from the last piece
REPLY     the road                       the exchange's own deadline
FLUSH     the client to read its reply   timeouts.body, as long as it reads nothing
LINGER    the client to notice the end   LINGER_S, LINGER_BYTES
TUNNEL    nothing: the bytes are another protocol's
CLOSED    what is written to be sent     timeouts.body, as long as the client reads nothing
"""

from __future__ import annotations

import enum
from typing import Final


class Phase(enum.IntEnum):
    """In the order of a request; `IDLE` and `HEAD` are between requests."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    REPLY = 3
    FLUSH = 4
    LINGER = 5
    TUNNEL = 6
    CLOSED = 7


# Plain numbers for the path of every request: a member of an Enum costs more to name than to compare.
IDLE: Final = int(Phase.IDLE)
HEAD: Final = int(Phase.HEAD)
BODY: Final = int(Phase.BODY)
REPLY: Final = int(Phase.REPLY)
FLUSH: Final = int(Phase.FLUSH)
LINGER: Final = int(Phase.LINGER)
TUNNEL: Final = int(Phase.TUNNEL)
CLOSED: Final = int(Phase.CLOSED)
