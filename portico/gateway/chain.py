"""A route, compiled: the hooks of its stages in their order, and where it leads. Immutable; shared by exchanges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from portico.exchange.exchange import Exchange
from portico.exchange.fields import HOP_BY_HOP, Keep, Matcher
from portico.exchange.reply import Constant
from portico.exchange.stage import BodyFilter, Hooks, OnEnd, OnReply
from portico.services.forward import Forward

# What a service says about itself, and what only the gateway may say (requirements 1.6).
_NEVER_TO_CLIENTS = frozenset({b"server", b"x-powered-by", b"x-request-id", b"x-response-time"})


@dataclass(frozen=True, slots=True)
class Label:
    """What observers know of a route."""

    name: str
    template: str
    service: str


@dataclass(frozen=True, slots=True)
class Link:
    """One stage on one route: its key, its hooks, and where its settings were written."""

    key: str
    hooks: Hooks
    origin: str  # file:line, or "default"
    summary: str


def reply_fields(ours: frozenset[bytes], drop: frozenset[str]) -> Keep:
    """Which of a service's fields reach the client. What the gateway sets replaces what the service said."""
    return Keep(_Passing(ours, drop))


class _Passing:
    __slots__ = ("_dropped", "_ours")

    def __init__(self, ours: frozenset[bytes], drop: frozenset[str]) -> None:
        self._ours = ours
        self._dropped = Matcher(drop)

    def __call__(self, name: bytes) -> bool:
        return not (
            name in HOP_BY_HOP
            or name in _NEVER_TO_CLIENTS
            or name in self._ours
            or self._dropped(name)
            or name.replace(b"_", b"-").startswith(b"x-internal-")
        )


class Chain:
    """The hooks of one route.

    `plain` chains need no body: they run without a task, a future or a timer, unless a hook has to wait.
    Otherwise `body_at` is the index of the first hook that wants the whole body, up to `body_max` bytes.
    Sizes in bytes, times in seconds. `forward` is None for the gateway's own endpoints.
    """

    __slots__ = (
        "body_at",
        "body_limit",
        "body_max",
        "constant",
        "ends",
        "forward",
        "idle_s",
        "keep_reply",
        "label",
        "links",
        "plain",
        "replies",
        "reply_filters",
        "request_filters",
        "requests",
        "timeout_s",
        "total_s",
    )

    def __init__(
        self,
        label: Label,
        links: Sequence[Link],
        *,
        forward: Forward | None,
        body_limit: int,
        timeout_s: float,
        idle_s: float,
        total_s: float | None,
        drop_reply: frozenset[str] = frozenset(),
    ) -> None:
        self.label = label
        self.links = tuple(links)
        self.forward = forward
        self.body_limit = body_limit
        self.timeout_s = timeout_s
        self.idle_s = idle_s
        self.total_s = total_s
        hooks = [link.hooks for link in links]
        asking = [one for one in hooks if one.on_request is not None]
        self.requests: tuple[Callable[[Exchange], Any], ...] = tuple(
            one.on_request for one in asking if one.on_request is not None
        )
        self.replies: tuple[OnReply, ...] = tuple(
            one.on_reply for one in reversed(hooks) if one.on_reply is not None
        )
        self.ends: tuple[OnEnd, ...] = tuple(one.on_end for one in hooks if one.on_end is not None)
        wanting = [index for index, one in enumerate(asking) if one.needs_body is not None]
        self.body_at = wanting[0] if wanting else -1
        self.body_max = min((one.needs_body for one in asking if one.needs_body is not None), default=0)
        self.plain = not wanting
        fields = [field for one in hooks for field in one.reply_fields]
        self.constant = Constant(tuple(fields))
        ours = frozenset(name for name, _ in fields).union(*(one.owns for one in hooks))
        self.keep_reply = reply_fields(ours, drop_reply)
        self.request_filters: tuple[Callable[[Exchange], BodyFilter | None], ...] = tuple(
            one.request_filter for one in hooks if one.request_filter is not None
        )
        # A reply passes the stages in reverse.
        self.reply_filters = tuple(
            one.reply_filter for one in reversed(hooks) if one.reply_filter is not None
        )

    def __repr__(self) -> str:
        return f"<Chain {self.label.name} {' > '.join(link.key for link in self.links)}>"
