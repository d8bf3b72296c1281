"""A call to a service that the gateway makes by itself: for keys, users, memberships, introspection.

There is no second way to a service (design decision 1): a call goes through the service's breaker, its pool and the
sweep's deadlines like a client's request, and tells the service that it is the gateway's own (requirements 1.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .failure import Failure
from .fields import Field

ANSWER_BYTES = 1 << 20
"""The largest body of an answer, unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, whole. Names of `fields` are lower case."""

    status: int
    fields: Sequence[Field]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The first value of this field."""
        return next((value for field, value in self.fields if field == name), None)


class CallFailedError(Exception):
    """There is no answer. `failure` says why, and on whose side."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail or failure.code)
        self.failure = failure


class Call(Protocol):
    """Calls to one service."""

    async def __call__(
        self,
        method: str,
        target: str,
        fields: Sequence[Field] = (),
        body: bytes = b"",
        *,
        timeout_s: float = 5.0,
        most_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """Ask the service for `target` (path and query), and wait for the whole answer, whatever its status.

        Raises CallFailedError when there is none in time, or one of more than `most_bytes`.
        """
