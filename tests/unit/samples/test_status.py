"""A ticket's life: which steps make sense."""

from __future__ import annotations

import pytest

from samples.platform.errors import ConflictError
from samples.tickets.status import BY_REQUESTER, NEXT, STATUSES, Status, check_step

STEPS = {
    ("open", "in_progress"), ("open", "waiting"), ("open", "resolved"), ("open", "closed"),
    ("in_progress", "open"), ("in_progress", "waiting"), ("in_progress", "resolved"), ("in_progress", "closed"),
    ("waiting", "open"), ("waiting", "in_progress"), ("waiting", "resolved"), ("waiting", "closed"),
    ("resolved", "open"), ("resolved", "in_progress"), ("resolved", "closed"),
}  # fmt: skip


@pytest.mark.parametrize("now", STATUSES)
@pytest.mark.parametrize("wanted", STATUSES)
def test_every_step(now: Status, wanted: Status) -> None:
    if (now, wanted) in STEPS:
        check_step(now, wanted)
    else:
        with pytest.raises(ConflictError, match=f"^A ticket that is {now} cannot become {wanted}; "):
            check_step(now, wanted)


def test_the_refusal_says_what_is_possible() -> None:
    with pytest.raises(ConflictError, match="it can become: open, in_progress, closed$"):
        check_step("resolved", "waiting")
    with pytest.raises(ConflictError, match="it can become: nothing$"):
        check_step("closed", "open")


def test_every_status_is_in_the_table_and_can_be_reached() -> None:
    assert set(NEXT) == set(STATUSES)
    assert set().union(*NEXT.values()) == set(STATUSES)
    assert set(STATUSES) > BY_REQUESTER
