"""One request and its reply on the road: what stages read and write, and where the exchange stands.

Made by the road when a request's head is complete, ended exactly once. It holds the runtime that it began with,
so a reload never changes the rules under a request (design decision 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .fields import Field

if TYPE_CHECKING:
    import asyncio

    from .allowance import Left
    from .failure import Failure
    from .identity import Identity
    from .question import Question
    from .reply import Reply
    from .request import Request
    from .stage import BodyFilter
    from .stream import Stream
    from .venue import Venue


_FOREVER = float("inf")


class Attempt(Protocol):
    """One call to a service, as the exchange sees it."""

    def send(self) -> None:
        """There is more of the request's body, or its end."""

    def pause(self) -> None:
        """The client reads slower than the service writes."""

    def resume(self) -> None:
        """The client has caught up."""

    def cancel(self) -> None:
        """Nobody waits for the reply any more: give the call up and its connection with it."""

    def waits_for_client(self) -> bool:
        """Whether nothing can go on before the client sends more of the request's body."""

    def expire(self, now: float) -> Failure:
        """The deadline has passed: give the call up, and say whose fault it was."""


class RouteLabel(Protocol):
    """What observers may know of a route."""

    @property
    def name(self) -> str:
        """Unique, from the configuration."""

    @property
    def template(self) -> str:
        """The pattern as written: the metric label, never a raw path."""

    @property
    def service(self) -> str:
        """Empty for the gateway's own endpoints."""


class Exchange:
    """One request in flight.

    For stages: `request`, `reply`, `failure`, `params` (name → raw bytes of the path), `identity`, `venue`, `client`
    (the address, from trusted proxies only), `request_id`, `route`, `now` and `deadline` (monotonic seconds),
    `forward` (fields to add towards the service), `body` (the whole body, for stages that asked for it) and
    `notes` (a plug-in's own values; None until first used).
    The rest is the road's.
    """

    __slots__ = (
        "attempt",
        "attempts",
        "body",
        "chain",
        "client",
        "deadline",
        "ended",
        "failure",
        "finished",
        "forward",
        "forwarded",
        "gathered",
        "head_sent",
        "identity",
        "idle_s",
        "latest",
        "limits",
        "notes",
        "now",
        "params",
        "parked_at",
        "paused",
        "question",
        "reply",
        "reply_bytes",
        "reply_filters",
        "request",
        "request_filters",
        "request_id",
        "reserved",
        "route",
        "runtime",
        "stream",
        "task",
        "venue",
    )

    def __init__(self, stream: Stream, request: Request, now: float) -> None:
        self.stream = stream
        self.request = request
        self.now = now  # when the head was complete
        self.deadline = 0.0  # when the road loses patience; moved on by every step
        self.finished = 0.0  # when it ended
        self.idle_s = 0.0  # how long the reply may be silent, once its head has been sent
        self.latest = float("inf")  # when all must be over, whatever moves
        self.runtime: Any = None
        self.route: RouteLabel = None  # type: ignore[assignment]  # set by the road before any stage runs
        self.chain: Any = None
        self.params: dict[str, bytes] | None = None
        self.client = b""
        self.forwarded = b""  # the Forwarded family, rendered per connection where that is possible
        self.request_id = b""
        self.identity: Identity | None = None
        self.venue: Venue | None = None  # where the caller was found to belong
        self.forward: list[Field] | None = None
        self.body: bytes | None = None
        self.notes: dict[str, Any] | None = None
        self.limits: list[Left] | None = None  # what limits found, until the reply tells it
        self.question: Question | None = None  # to the store, until it has been asked
        self.reply: Reply | None = None
        self.failure: Failure | None = None
        self.attempt: Attempt | None = None
        self.attempts = 0
        self.task: asyncio.Task[None] | None = None  # while a stage waits
        self.parked_at = -1  # the hook that waits for the whole body, -1 when none does
        self.gathered: bytearray | None = None  # what has come of the body meanwhile
        self.reserved = 0  # bytes of the worker's memory budget
        self.request_filters: tuple[BodyFilter, ...] = ()
        self.reply_filters: tuple[BodyFilter, ...] = ()
        self.head_sent = False
        self.paused = False  # the client reads slower than the service writes
        self.ended = False
        self.reply_bytes = 0

    def header(self, name: str) -> str | None:
        """The first value of a request field, as text, or None."""
        value = self.request.header(name.lower().encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    def pause_reply(self) -> None:
        """The client's side is full."""
        self.paused = True
        if self.idle_s == _FOREVER:
            self.deadline = 0.0  # events may be silent, who reads them may not: the sweep starts the clock
        if self.attempt is not None:
            self.attempt.pause()

    def resume_reply(self) -> None:
        """The client's side has drained."""
        self.paused = False
        if self.idle_s == _FOREVER:
            self.deadline = _FOREVER
        if self.attempt is not None:
            self.attempt.resume()

    def __repr__(self) -> str:
        state = "ended" if self.ended else "replying" if self.head_sent else "open"
        return f"<Exchange {self.request_id.decode('latin-1')} {self.request!r} {state}>"
