"""Details of users as they are remembered: fresh, then stale and renewed beside, then forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from portico.exchange.call import Answer, CallFailedError
from portico.exchange.failure import REPLY_TIMEOUT
from portico.exchange.fields import Field
from portico.identity.user_details import DetailsRule, UserDetails

RULE = DetailsRule("/users/{user}", 60.0, 600.0, 5.0, 2)
ANN = ("t-1", "ann")


class Service:
    """Says of everybody that they are what `role` says; None: nothing at all."""

    def __init__(self) -> None:
        self.asked = 0
        self.role: str | None = "boss"
        self.now = 1000.0
        self.details = UserDetails(RULE, self, lambda: self.now)

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
        self.asked += 1
        await asyncio.sleep(0)
        if self.role is None:
            raise CallFailedError(REPLY_TIMEOUT)
        return Answer(200, (), b'{"role": "%b"}' % self.role.encode())

    def role_of(self, key: tuple[str, str] = ANN) -> tuple[str, ...] | None:
        known = self.details.known(key, self.now)
        return None if known is None else known.roles

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_who_is_known_is_renewed_beside() -> None:
    service = Service()
    assert service.role_of() is None
    await service.details.ask(ANN)
    service.now += 59
    assert service.role_of() == ("boss",)
    assert service.asked == 1
    service.role = "agent"
    service.now += 1
    assert service.role_of() == ("boss",), "nobody waits"
    assert service.role_of() == ("boss",)
    await service.settle()
    assert service.asked == 2, "and it is asked for once"
    assert service.role_of() == ("agent",)


async def test_an_old_answer_serves_while_there_is_no_newer_one_and_then_no_more() -> None:
    service = Service()
    await service.details.ask(ANN)
    service.role = None
    for _ in range(3):
        service.now += 100
        assert service.role_of() == ("boss",)
        await service.settle()
    assert service.asked == 4
    service.now += 400
    assert service.role_of() is None


async def test_only_so_many_are_remembered() -> None:
    service = Service()
    for user in ("ann", "bob", "eve"):
        await service.details.ask(("t-1", user))
    assert service.role_of(ANN) is None
    assert service.role_of(("t-1", "eve")) == ("boss",)
    assert service.role_of(("t-2", "eve")) is None
