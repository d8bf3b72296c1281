"""What a store can be asked. A request asks one question, `judge`; everything else is for those who wait anyway.

Verbs and not commands: each is one atomic step, whichever store answers, so that no caller reads, decides and writes
while another does the same. Facts (revocations, records) outlive a restart where the store has a place for them;
counts do not have to. Times are wall seconds, since stores are shared by processes; `None` as `until` means for ever.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Awaitable, Sequence
from math import inf
from typing import Literal, NamedTuple, Protocol

from portico.rules import LimitRule, Verdict

Kind = Literal["session", "refresh", "apikey", "cache"]
"""What a record is of. Each kind has keys of its own, and in Redis a prefix of its own."""

RECORD_BYTES = 64 * 1024
"""The largest value of a record."""


def checked(value: bytes) -> bytes:
    """The value, if a record may have it. Raises ValueError."""
    if len(value) > RECORD_BYTES:
        raise ValueError(f"a record of {len(value)} bytes; at most {RECORD_BYTES} are kept")
    return value


class StoreAwayError(Exception):
    """The store cannot be asked now. Who asks knows what that means: to answer locally, to let pass, to refuse."""


class Spend(NamedTuple):
    """One request to count: for the limit `name` with this rule, the caller `key`."""

    name: bytes
    rule: LimitRule
    key: bytes


class Outcome(enum.IntEnum):
    """Where a question ended."""

    PASSED = 0
    EARLY = 1  # one of the limits that need no identity refuses
    REVOKED = 2
    LATE = 3  # one of the limits that need an identity refuses


PASSED = Outcome.PASSED


class Ask(NamedTuple):
    """One request's question, judged in this order; what refuses ends it, and nothing behind it is counted.

    `early` limits, all or none; `marks`, revoked or not, of something issued at `issued`; `late` limits, all or none;
    then each of `reported` by itself, which refuses nothing.
    """

    early: Sequence[Spend] = ()
    marks: Sequence[bytes] = ()
    issued: float = 0.0
    late: Sequence[Spend] = ()
    reported: Sequence[Spend] = ()


class Judged(NamedTuple):
    """`early` and `late` have a verdict for each limit that was asked, also for those beside one that refuses.

    `over` has for each of `reported` whether it would refuse.
    """

    outcome: Outcome
    early: Sequence[Verdict] = ()
    late: Sequence[Verdict] = ()
    over: Sequence[bool] = ()


class Store(Protocol):
    """Every verb may raise StoreAwayError, and nothing else."""

    def judge(self, ask: Ask) -> Awaitable[Judged]:
        """Whether a request may pass, as far as a store can know."""

    async def revoke(self, mark: bytes, until: float, before: float = inf) -> None:
        """Refuse what bears this mark and was issued at `before` or earlier, until `until`.

        A mark that is revoked already keeps the later of both times.
        """

    async def once(self, key: bytes, until: float) -> bool:
        """True for the first who asks with this key before `until`, false for everybody after."""

    async def find(self, kind: Kind, key: str) -> bytes | None:
        """The value of a record, None when there is none or its time is over."""

    async def keep(self, kind: Kind, key: str, value: bytes, until: float | None) -> None:
        """Set a record, whatever it was before."""

    async def swap(self, kind: Kind, key: str, old: bytes | None, new: bytes, until: float | None) -> bool:
        """Set a record if its value is `old`, or, with None, if there is none. Returns whether it was set."""

    async def drop(self, kind: Kind, key: str) -> bool:
        """Remove a record. Returns whether there was one."""

    def list(self, kind: Kind, prefix: str = "") -> AsyncIterator[tuple[str, bytes]]:
        """All records of a kind whose key begins so, in no order."""

    async def close(self) -> None:
        """Let go of files and connections."""
