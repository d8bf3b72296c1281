"""A worker's door to its siblings, with a supervisor that answers, or does not."""

import asyncio
import socket
from typing import Any

import pytest

from portico.process import cluster
from portico.process.cluster import Siblings
from portico.process.messages import AskSnapshots, Link, News, Snapshots

OWN = {"pid": 1, "worker": 0, "count": 5}
SIBLING = {"pid": 2, "worker": 1, "count": 7}
DEAD = {"pid": None, "worker": None}


async def _links() -> tuple[Link, Link]:
    one, other = socket.socketpair()
    return await Link.over(one), await Link.over(other)


async def test_the_answer_is_that_of_the_supervisor() -> None:
    ours, supervisors = await _links()
    siblings = Siblings(ours, 0, lambda: OWN)
    asking = asyncio.create_task(siblings.snapshots())
    ask = await supervisors.receive()
    assert isinstance(ask, AskSnapshots)
    siblings.answered(Snapshots(ask.ask + 1, []))  # not ours
    siblings.answered(Snapshots(ask.ask, [OWN, SIBLING, DEAD]))
    assert await asking == [OWN, SIBLING, DEAD]
    siblings.answered(Snapshots(ask.ask, []))  # too late, and no trouble
    await ours.close()
    await supervisors.close()


async def test_without_an_answer_the_last_known_numbers_of_others_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.01)
    ours, supervisors = await _links()
    now: dict[str, Any] = dict(OWN)
    siblings = Siblings(ours, 0, lambda: now)
    assert await siblings.snapshots() == [OWN]
    asking = asyncio.create_task(siblings.snapshots())
    await asyncio.sleep(0)
    siblings.answered(Snapshots(2, [OWN, SIBLING, DEAD]))
    await asking
    now["count"] = 6
    assert await siblings.snapshots() == [SIBLING, DEAD, {**OWN, "count": 6}]
    await ours.close()
    await supervisors.close()


async def test_news_are_sent_as_they_are() -> None:
    ours, supervisors = await _links()
    Siblings(ours, 0, dict).tell({"breaker": "tickets"})
    assert await supervisors.receive() == News({"breaker": "tickets"})
    await ours.close()
    await supervisors.close()
