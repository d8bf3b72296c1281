"""What stages from outside may say: fields and statuses that cannot make one message into two.

The gateway's own stages write nothing that a request could choose without care; a stranger's may put a user's words
into a field. Their hooks are wrapped once per route, at load, so that routes without them pay nothing. What is
refused raises `Unsayable`, which costs that exchange a 500 and the log a trace, like any bug in a stage. RFC 9110
sections 5.1 and 5.5 rule names and values; fields that frame a message are the gateway's alone (section 6.1).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from typing import Any

from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.fields import HOP_BY_HOP, Field
from portico.exchange.reply import Reply
from portico.exchange.stage import Hooks, OnReply, OnRequest, Outcome, Stage

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+").fullmatch
_NONE: frozenset[bytes] = frozenset()
_OF_REQUESTS = HOP_BY_HOP | {b"host"}
_FORBIDDEN = re.compile(rb"[\x00\r\n]").search


class Unsayable(ValueError):
    """A stage has set a field or a status that no message may have."""


def is_outside(stage: Stage[Any]) -> bool:
    """Whether a stage is not one of the gateway's own."""
    return not type(stage).__module__.startswith("portico.")


def checked(hooks: Hooks) -> Hooks:
    """The same hooks, each followed by a look at what it has set. Raises `Unsayable` for constant fields."""
    _look(hooks.reply_fields, HOP_BY_HOP)
    return replace(
        hooks,
        on_request=None if hooks.on_request is None else _checked_request(hooks.on_request),
        on_reply=None if hooks.on_reply is None else _checked_reply(hooks.on_reply),
    )


def _checked_request(hook: OnRequest) -> OnRequest:
    def on_request(x: Exchange) -> Outcome | Awaitable[Outcome]:
        outcome = hook(x)
        if isinstance(outcome, Awaitable):
            return later(x, outcome)
        _look_at_outcome(x, outcome)
        return outcome

    async def later(x: Exchange, pending: Awaitable[Outcome]) -> Outcome:
        outcome = await pending
        _look_at_outcome(x, outcome)
        return outcome

    return on_request


def _checked_reply(hook: OnReply) -> OnReply:
    def on_reply(x: Exchange, reply: Reply) -> None:
        status = reply.status
        hook(x, reply)
        if reply.status != status:
            _look_at_status(reply.status)
        # A 101 has the gateway's Connection and Upgrade already.
        _look(reply.fields, _NONE if status == 101 else HOP_BY_HOP)

    return on_reply


def _look_at_outcome(x: Exchange, outcome: Outcome) -> None:
    if x.forward is not None:
        _look(x.forward, _OF_REQUESTS)
    if outcome is not None:
        if not isinstance(outcome, Reply | Failure):
            raise Unsayable(f"{type(outcome).__name__} is no Reply, no Failure and not None")
        _look_at_status(outcome.status)
        _look(outcome.fields, HOP_BY_HOP)


def _look_at_status(status: int) -> None:
    if not 200 <= status <= 599:
        raise Unsayable(f"status {status}")


def _look(fields: Iterable[Field], ours: frozenset[bytes]) -> None:
    for name, value in fields:
        if not _NAME(name):
            raise Unsayable(f"{name!r} is no name of a field in lower case")
        if _FORBIDDEN(value):
            raise Unsayable(f"CR, LF or NUL in the value of {name!r}")
        if name in ours:
            raise Unsayable(f"{name!r} is the gateway's to write")
