"""Stages that fail wherever a stage can, named under `stages:` as a user would name them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, ClassVar, Literal

from portico.exchange.exchange import Exchange
from portico.exchange.failure import FORBIDDEN
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


def _forwards(*fields: tuple[Any, Any]) -> Hooks:
    def on_request(x: Exchange) -> None:
        x.forward = list(fields)

    return Hooks(on_request=on_request)


def _answers(status: Any = 200, *fields: tuple[Any, Any]) -> Hooks:
    return Hooks(on_request=lambda x: Reply(status, list(fields), b"mine"))


def _adds(name: Any, value: Any, status: int = 200) -> Hooks:
    def on_reply(x: Exchange, reply: Reply) -> None:
        reply.fields.append((name, value))
        reply.status = status

    return Hooks(on_reply=on_reply)


async def _answers_late(x: Exchange) -> Outcome:
    await asyncio.sleep(0)
    return Reply(200, [(b"x-more", b"a\r\nset-cookie: b")], b"mine")


# What no message may say: each would be two messages, or none.
UNSAYABLE: dict[str, Hooks] = {
    "forward_crlf": _forwards((b"x-more", b"a\r\nx-user-id: admin")),
    "forward_lf": _forwards((b"x-more", b"a\nx-user-id: admin")),
    "forward_cr": _forwards((b"x-more", b"a\rb")),
    "forward_nul": _forwards((b"x-more", b"a\x00b")),
    "forward_name": _forwards((b"x-more: a\r\nx-user-id", b"admin")),
    "forward_text": _forwards((b"x-more", "text")),
    "forward_length": _forwards((b"content-length", b"3")),
    "forward_host": _forwards((b"host", b"elsewhere")),
    "answer_crlf": _answers(200, (b"x-more", b"a\r\nset-cookie: b")),
    "answer_crlf_async": Hooks(on_request=_answers_late),
    "answer_name": _answers(200, (b"X-More", b"a")),
    "answer_coding": _answers(200, (b"transfer-encoding", b"chunked")),
    "answer_status_600": _answers(600),
    "answer_status_100": _answers(100),
    "answer_status_text": _answers("200"),
    "failure_status": Hooks(on_request=lambda x: replace(FORBIDDEN, status=777)),
    "failure_crlf": Hooks(on_request=lambda x: FORBIDDEN.saying("no", (b"x-more", b"a\r\nb: c"))),
    "reply_crlf": _adds(b"x-more", b"a\r\nset-cookie: b"),
    "reply_length": _adds(b"content-length", b"3"),
    "reply_status": _adds(b"x-more", b"a", status=1000),
}
FAULTS |= UNSAYABLE


class Faulty(Stage[str]):
    """Fails where it is told."""

    key: ClassVar[str] = "faulty"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings = Literal[tuple(FAULTS)]  # type: ignore[valid-type]

    def compile(self, settings: str, site: Site) -> Hooks:
        return FAULTS[settings]


class Unsayable(Stage[Any]):
    """Has a constant field that would be two."""

    key: ClassVar[str] = "unsayable"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings: ClassVar[Any] = bool

    def compile(self, settings: bool, site: Site) -> Hooks:
        return Hooks(reply_fields=((b"x-more", b"a\r\nset-cookie: b"),))


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
