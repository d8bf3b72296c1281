"""Memberships as they are remembered: for their time, so many at most, and asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from portico.exchange.call import Answer, CallFailedError
from portico.exchange.failure import REPLY_TIMEOUT
from portico.exchange.fields import Field
from portico.exchange.venue import Venue
from portico.identity.memberships import Key, Memberships, Rule

RULE = Rule("/v/{venue}/m/{user}", "/v/{venue}", 60.0, 5.0, 1.0, 3)


class Service:
    """Answers every question alike; `asked` are the targets."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[Sequence[Field]] = []
        self.answer: Answer | None = Answer(200, (), b'{"role": "boss"}')
        self.now = 1000.0
        self.memberships = Memberships(
            RULE, self, lambda venue, role: Venue(venue, (role or "",), ()), self.clock
        )

    def clock(self) -> float:
        return self.now

    async def __call__(
        self,
        method: str,
        target: str,
        fields: Sequence[Field] = (),
        body: bytes = b"",
        *,
        timeout_s: float = 5.0,
        most_bytes: int = 0,
    ) -> Answer:
        self.asked.append(target)
        self.told.append(fields)
        await asyncio.sleep(0)
        if self.answer is None:
            raise CallFailedError(REPLY_TIMEOUT)
        return self.answer

    def known(self, key: Key) -> object:
        return self.memberships.known(key, self.now)


ANN: Key = ("t-1", "ann", "v-1")


async def test_a_member_is_known_for_a_time() -> None:
    service = Service()
    assert service.known(ANN) is None
    assert await service.memberships.ask(ANN) == Venue("v-1", ("boss",), ())
    assert service.asked == ["/v/v-1/m/ann"]
    assert (b"x-tenant-id", b"t-1") in service.told[0]
    service.now += 59.9
    assert service.known(ANN) == Venue("v-1", ("boss",), ())
    service.now += 0.1
    assert service.known(ANN) is None


async def test_a_refusal_is_known_for_less_and_pushes_no_member_out() -> None:
    service = Service()
    await service.memberships.ask(ANN)
    service.answer = Answer(404, (), b"")
    for number in range(9):
        assert await service.memberships.ask(("t-1", "eve", f"v-{number}")) is None
    assert service.known(ANN) is not None
    assert service.known(("t-1", "eve", "v-8")) is False
    assert service.known(("t-1", "eve", "v-0")) is None, "only so many are remembered"
    service.now += 5.0
    assert service.known(("t-1", "eve", "v-8")) is None


async def test_many_wait_for_one_answer_and_who_leaves_takes_it_from_nobody() -> None:
    service = Service()
    waiting = [asyncio.create_task(service.memberships.ask(ANN)) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [Venue("v-1", ("boss",), ())] * 3
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        None,
        Answer(500, (), b""),
        Answer(302, (), b""),
        Answer(200, (), b"[]"),
        Answer(200, (), b"{}"),
        Answer(200, (), b'{"role": 7}'),
        Answer(200, (), b'{"role": "boss", "venueId": "v-2"}'),
        Answer(200, (), b'{"role": "boss", "userId": "bob"}'),
    ],
)
async def test_what_is_no_answer_is_told_and_not_remembered(answer: Answer | None) -> None:
    service = Service()
    service.answer = answer
    with pytest.raises(CallFailedError):
        await service.memberships.ask(ANN)
    assert service.known(ANN) is None


async def test_names_are_put_into_paths_as_they_are() -> None:
    service = Service()
    await service.memberships.ask(("t-1", "a/../b{venue}?#é", "v-1"))
    assert service.asked == ["/v/v-1/m/a%2F..%2Fb%7Bvenue%7D%3F%23%C3%A9"]
    await service.memberships.ask(("t-1", None, "v-1"))
    assert service.asked[-1] == "/v/v-1"
