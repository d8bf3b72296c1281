"""Stages that fail wherever a stage can, named under `stages:` as a user would name them."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Literal

from portico.exchange.exchange import Exchange
from portico.exchange.reply import Reply
from portico.exchange.stage import Hooks, Outcome, Phase, Site, Stage


class Broken(ArithmeticError):
    """What the stages raise."""


def fails(*_: Any) -> Any:
    """A hook, or the making of a filter, that fails."""
    raise Broken


class FailingFilter:
    """Fails at the first piece, or at the end."""

    def feed(self, data: bytes) -> bytes:
        raise Broken

    def end(self) -> bytes:
        raise Broken


async def cancelled(x: Exchange) -> Outcome:
    """Waits for something that is cancelled under it."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.cancel)
    await future
    return None


async def answers_nonsense(x: Exchange) -> Any:
    """Hands back what is no reply."""
    await asyncio.sleep(0)
    return "no reply"


async def fails_late(x: Exchange) -> Outcome:
    """Fails after a wait."""
    await asyncio.sleep(0)
    raise Broken


FAULTS: dict[str, Hooks] = {
    "on_request": Hooks(on_request=fails),
    "on_request_async": Hooks(on_request=fails_late),
    "on_request_cancelled": Hooks(on_request=cancelled),
    "on_request_nonsense": Hooks(on_request=answers_nonsense),
    "on_reply": Hooks(on_reply=fails),
    "on_end": Hooks(on_end=fails),
    "making_request_filter": Hooks(request_filter=fails),
    "making_request_filter_async": Hooks(on_request=lambda x: None, request_filter=fails, needs_body=1 << 20),
    "request_filter": Hooks(request_filter=lambda x: FailingFilter()),
    "making_reply_filter": Hooks(reply_filter=fails),
    "reply_filter": Hooks(reply_filter=lambda x, reply: FailingFilter()),
}


class Faulty(Stage[str]):
    """Fails where it is told."""

    key: ClassVar[str] = "faulty"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings = Literal[tuple(FAULTS)]  # type: ignore[valid-type]

    def compile(self, settings: str, site: Site) -> Hooks:
        return FAULTS[settings]


class Gathering(Stage[Any]):
    """Waits for the whole body, and tells how long it was."""

    key: ClassVar[str] = "gathering"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings: ClassVar[Any] = bool

    def compile(self, settings: bool, site: Site) -> Hooks:
        def on_request(x: Exchange) -> Outcome:
            return Reply(200, [], b"%d" % len(x.body or b""))

        return Hooks(on_request=on_request, needs_body=1 << 20)


class Hesitating(Stage[Any]):
    """Waits for a word of the test."""

    key: ClassVar[str] = "hesitating"
    phase: ClassVar[Phase] = Phase.ADMIT
    settings: ClassVar[Any] = bool
    word: ClassVar[asyncio.Event]

    def compile(self, settings: bool, site: Site) -> Hooks:
        async def on_request(x: Exchange) -> Outcome:
            await Hesitating.word.wait()
            return None

        return Hooks(on_request=on_request)
