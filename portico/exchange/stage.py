"""What a stage is: a YAML key, a settings type, a phase, and at most three hooks per route (design decision 7).

`Stage.compile` runs once per route at load; whatever it can decide there it decides there. Hooks run per request:
`on_request` in the order of the phases, `on_reply` in reverse, also for the gateway's own errors, `on_end` exactly
once, also on abort. Built-in stages and a stranger's stages use this same door (decision 8).
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from .call import Call
from .exchange import Exchange
from .failure import Failure
from .fields import Field
from .reply import Reply

S = TypeVar("S")
T = TypeVar("T")


class Phase(enum.IntEnum):
    """The fixed order of a chain, whatever the order of the YAML keys (design decision 6)."""

    OBSERVE = 1
    ADMIT = 2
    GUARD = 3
    IDENTIFY = 4
    AUTHORIZE = 5
    METER = 6
    VALIDATE = 7
    ANSWER = 8
    DELIVER = 9


Outcome = Reply | Failure | None
OnRequest = Callable[[Exchange], Outcome | Awaitable[Outcome]]

OnReply = Callable[[Exchange, Reply], None]
OnEnd = Callable[[Exchange], None]


class BodyFilter(Protocol):
    """A synchronous filter that a body streams through."""

    def feed(self, data: bytes) -> bytes:
        """What may go on now; b"" to hold back."""

    def end(self) -> bytes:
        """What is left when the body has ended."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a stage does on one route.

    `on_request` may be a plain function or a coroutine function; a plain one costs no task, and may return an awaitable
    outcome when, for once, it has to wait. `needs_body` asks for
    the whole request body, up to so many bytes, in `x.body` before `on_request` runs. `reply_fields` are constant
    fields of every reply, rendered once at load; they replace the service's fields of the same names.
    `request_filter` and `reply_filter` make a filter for one message, or None to leave it alone; a filtered body
    loses its known length. `owns` names fields that `on_reply` writes: a service's fields of these names are dropped.
    `then` is what the stage does in a later `phase` besides; `summary` says it for `portico explain` where the stage's
    `explain` would say too much. `reason` says there why `on_request` has let an exchange pass.
    """

    on_request: OnRequest | None = None
    on_reply: OnReply | None = None
    on_end: OnEnd | None = None
    needs_body: int | None = None
    reply_fields: tuple[Field, ...] = ()
    request_filter: Callable[[Exchange], BodyFilter | None] | None = None
    reply_filter: Callable[[Exchange, Reply], BodyFilter | None] | None = None
    owns: frozenset[bytes] = frozenset()
    phase: Phase | None = None  # the stage's own
    then: Hooks | None = None
    summary: str = ""
    reason: Callable[[Exchange], str] | None = None


class Site(Protocol):
    """Where a stage is compiled: one route of one configuration."""

    route: str  # the route's name
    template: str
    service: str  # empty for the gateway's own endpoints
    methods: frozenset[bytes]  # that the route takes; empty for any

    @property
    def settings(self) -> Any:
        """The whole checked configuration."""

    def shared(self, key: str, build: Callable[[], T]) -> T:
        """One object for all routes of this configuration, built on first use."""

    def live(self, key: str, build: Callable[[], T]) -> T:
        """One object that survives reloads: counts, caches, connections."""

    def call(self, service: str) -> Call:
        """Calls to a service by its name, or by the origin of its URL (`https://idp.example`)."""

    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this while the configuration is live; one for each key, begun again when it fails."""

    def problem(self, reason: str, *path: str | int, suggestion: str = "") -> None:
        """Report a mistake in this stage's settings; `path` leads into them. All are shown at once."""


class Stage(Generic[S]):
    """One feature. `key` is its YAML key on a route and under `defaults`; `settings` the type of its value.

    `settings` is anything pydantic can validate: a model, or an annotated union for short forms. A stage with
    `always` is compiled for every route, with None where nothing is written. `order` sorts within a phase. `codes`
    are the error codes that it answers with beside the gateway's own, for `gateway.errors.texts`.
    """

    key: ClassVar[str]
    phase: ClassVar[Phase]
    settings: ClassVar[Any]
    summary: ClassVar[str] = ""
    order: ClassVar[int] = 0
    always: ClassVar[bool] = False
    codes: ClassVar[tuple[str, ...]] = ()

    def compile(self, settings: S, site: Site) -> Hooks | None:
        """The hooks for one route, or None when these settings switch the stage off there."""
        raise NotImplementedError

    def explain(self, settings: S) -> str:
        """One line for `portico explain`: what this stage does with these settings."""
        return self.summary or str(settings)


Stages = Mapping[str, Stage[Any]]
