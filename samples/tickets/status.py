"""What a ticket's status and priority may be, and which step from one status to another makes sense.

A resolved ticket can be taken up again; a closed one is history, and the matter needs a new ticket.
"""

from __future__ import annotations

from typing import Literal

from samples.platform.errors import ConflictError

Status = Literal["open", "in_progress", "waiting", "resolved", "closed"]
Priority = Literal["low", "medium", "high", "urgent"]

STATUSES: tuple[Status, ...] = ("open", "in_progress", "waiting", "resolved", "closed")
"""In the order of a ticket's life, which is also their order in a sorted list."""

PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high", "urgent")
"""Least pressing first."""

NEXT: dict[Status, frozenset[Status]] = {
    "open": frozenset({"in_progress", "waiting", "resolved", "closed"}),
    "in_progress": frozenset({"open", "waiting", "resolved", "closed"}),
    "waiting": frozenset({"open", "in_progress", "resolved", "closed"}),
    "resolved": frozenset({"open", "in_progress", "closed"}),
    "closed": frozenset(),
}

BY_REQUESTER: frozenset[Status] = frozenset({"open", "closed"})
"""What a ticket's requester may set without being an agent: take it up again, or be done with it."""


def check_step(now: Status, wanted: Status) -> None:
    """Refuses with 409 a step that makes no sense; to stay where one is, is no step."""
    if wanted not in NEXT[now]:
        allowed = ", ".join(status for status in STATUSES if status in NEXT[now]) or "nothing"
        raise ConflictError(f"A ticket that is {now} cannot become {wanted}; it can become: {allowed}")
