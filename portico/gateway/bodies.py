"""Request bodies that nobody can take yet: gathered for a hook that wants them whole, or kept until there is a
connection to a service.

Every byte that stays is accounted for in the worker's memory budget (requirements 1.4). A `Failure` that is returned
is to be the exchange's end; nothing is answered here.
"""

from __future__ import annotations

from typing import cast

from portico.exchange.exchange import Exchange
from portico.exchange.failure import BODY_TOO_LARGE, OVERLOADED, Failure
from portico.exchange.memory import MemoryBudget

# Unread body that may wait with the request while a stage or a connection is waited for.
PENDING_BYTES = 65536


def demand(x: Exchange, index: int, memory: MemoryBudget) -> Failure | None:
    """Put the whole body into `x.body`; if it is not all here, park the exchange before that hook until it is."""
    request = x.request
    most: int = x.chain.body_max
    if request.length is not None and request.length > most:
        return BODY_TOO_LARGE
    if request.complete:
        if request.body_bytes > most:
            return BODY_TOO_LARGE
        x.body = b"".join(request.parts)
        request.parts = []
        return None
    x.parked_at = index
    x.gathered = bytearray()
    if request.expects_continue:
        request.expects_continue = False
        x.stream.send_interim(100, [])
    failure = gather(x, memory)
    if failure is None:
        x.stream.resume_request()  # a stage before this one may have taken so long that it was paused
    return failure


def gather(x: Exchange, memory: MemoryBudget) -> Failure | None:
    """Put together what has come of a body that a hook waits for.

    At once, and not at the end: a client may send its body in pieces so small that their number weighs more
    than they do.
    """
    gathered = cast(bytearray, x.gathered)
    parts, x.request.parts = x.request.parts, []
    gathered += b"".join(parts)
    if len(gathered) > x.chain.body_max:
        return BODY_TOO_LARGE
    return _reserve(x, len(gathered), memory)


def unpark(x: Exchange) -> int:
    """The body is whole: hand it over. Returns the index of the hook that waits for it."""
    index, x.parked_at = x.parked_at, -1
    x.body, x.gathered = bytes(x.gathered or b""), None
    return index


def keep_waiting(x: Exchange, memory: MemoryBudget) -> Failure | None:
    """Account for body that nobody can take yet."""
    waiting = sum(map(len, x.request.parts))
    failure = _reserve(x, waiting, memory)
    if failure is None and waiting > PENDING_BYTES:
        x.stream.pause_request()
    return failure


def release(x: Exchange, memory: MemoryBudget) -> None:
    """Give back what the exchange has of the memory budget."""
    memory.give(x.reserved)
    x.reserved = 0


def _reserve(x: Exchange, size: int, memory: MemoryBudget) -> Failure | None:
    """Have so many bytes of the memory budget in all."""
    more = size - x.reserved
    if more > 0:
        if not memory.take(more):
            return OVERLOADED
        x.reserved += more
    return None
