"""From the end of a chain to a service: what of a request may pass, how its head is written, and who takes it there.

One `Forward` per route; each call is an `Attempt` of its own. An open breaker refuses before anything is made.
"""

from __future__ import annotations

import math
from time import monotonic

from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import BREAKER_OPEN
from portico.exchange.fields import HOP_BY_HOP, Field, Keep, Matcher, render
from portico.exchange.stream import Replies
from portico.http.reserved import is_reserved
from portico.rules import REFUSED, Breaker

from .attempt import Attempt
from .instance import Instance
from .service import Service

# Written by the gateway for every request, whatever the client sent.
_OURS = frozenset({b"host", b"expect", b"x-request-id"})


def request_fields(allow: frozenset[str] | None = None, drop: frozenset[str] = frozenset()) -> Keep:
    """Which of a client's fields reach the service (requirements 1.6); names may end in `*`.

    `allow` None: all that are not reserved. Reserved fields never pass, whatever is allowed.
    """
    return Keep(_Passing(allow, drop))


class _Passing:
    __slots__ = ("_allowed", "_dropped")

    def __init__(self, allow: frozenset[str] | None, drop: frozenset[str]) -> None:
        self._allowed = None if allow is None else Matcher(allow)
        self._dropped = Matcher(drop)

    def __call__(self, name: bytes) -> bool:
        # Underscores count as hyphens, as in `reserved`: Transfer_Encoding must not frame anything anywhere.
        plain = name.replace(b"_", b"-")
        if plain in HOP_BY_HOP or plain in _OURS or is_reserved(name) or self._dropped(name):
            return False
        return self._allowed is None or self._allowed(name)


class Forward:
    """How one route calls its service."""

    __slots__ = ("_add", "_clock", "_name", "_own_host", "_rewrites", "_strip", "keep", "replies", "service")

    def __init__(
        self,
        service: Service,
        keep: Keep,
        own_host: bool,
        name: bytes,
        clock: Clock,
        replies: Replies,
        strip: bytes = b"",
        add: bytes = b"",
    ) -> None:
        """`strip` is taken from the beginning of every path and `add` put there, whole segments both."""
        self.service = service
        self.replies = replies
        self.keep = keep
        self._own_host = own_host
        self._strip = strip
        self._add = add
        self._rewrites = bool(strip or add)
        self._name = name  # the gateway's, in Via (RFC 9110 section 7.6.3)
        self._clock = clock

    def begin(self, x: Exchange, now: float) -> None:
        """Call the service. The outcome, also an immediate one, arrives through `replies`."""
        service = self.service
        breaker = service.breaker
        ticket = REFUSED
        if breaker is not None:
            ticket = breaker.admit(now)
            if ticket == REFUSED:
                self._refuse(x, breaker, now)
                return
        instances = service.instances
        instance = instances[0] if len(instances) == 1 else service.pick(instances)
        attempt = Attempt(self, x, instance, ticket)
        x.attempt = attempt
        x.attempts += 1
        channel = instance.pool.checkout(now)
        if channel is not None:
            attempt.on_channel(channel)
        else:
            attempt.wait()

    def _refuse(self, x: Exchange, breaker: Breaker, now: float) -> None:
        """An open breaker answers at once, and says when it will try again."""
        seconds = max(1, math.ceil(breaker.retry_after(now)))
        text = f"Service unavailable: {self.service.name}"
        self.replies.failed(
            x, BREAKER_OPEN.saying(text, (b"retry-after", b"%d" % seconds)).because("breaker open")
        )

    def head(
        self, x: Exchange, instance: Instance, framing: bytes, complete: bool, body: bytes | None = None
    ) -> bytes:
        """The request's head towards an instance. `body` is the whole body, None while it is coming."""
        request = x.request
        keep = self.keep
        fields = request.fields
        if request.options:
            options = request.options
            fields = [field for field in fields if field[0] not in options]
        target = request.path
        if self._rewrites:
            target = self._add + target.removeprefix(self._strip) or b"/"
        if instance.prefix:
            target = instance.prefix + target
        if request.query:
            target = b"%b?%b" % (target, request.query)
        host = instance.host_line
        if not self._own_host and request.authority:
            host = b"host: %b\r\n" % request.authority
        kept = [field for field in fields if keep[field[0]]]
        more = b""
        signer = self.service.signer
        if signer is not None:
            kept, signed = signer.sign(
                request.method,
                target,
                instance.scheme,
                host[6:-2],
                kept,
                _told(x),
                body,
                self._clock.wall(monotonic()),
            )
            more = render(signed)
        if x.identity is not None:
            more += x.identity.lines
        if x.forward is not None:
            more += render(x.forward)
        if complete:
            # While the client still sends, its deadline moves on: nothing true could be said.
            deadline = x.deadline if x.deadline < x.latest else x.latest
            more += b"x-request-deadline: %d\r\n" % int(self._clock.wall(deadline) * 1000.0)
        elif request.expects_continue and x.body is None:
            more += b"expect: 100-continue\r\n"
        if request.upgrade:
            more += b"connection: upgrade\r\nupgrade: %b\r\n" % request.upgrade
        elif request.wants_trailers:
            more += b"te: trailers\r\nconnection: te\r\n"
        return b"".join(
            (
                request.method,
                b" ",
                target,
                b" HTTP/1.1\r\n",
                host,
                render(kept),
                framing,
                b"x-request-id: ",
                x.request_id,
                b"\r\nx-gateway-forwarded: true\r\nvia: ",
                request.version,
                b" ",
                self._name,
                b"\r\n",
                x.forwarded,
                more,
                b"\r\n",
            )
        )


def _told(x: Exchange) -> list[Field]:
    """The fields of the gateway's own that can be signed."""
    told: list[Field] = [(b"x-request-id", x.request_id)]
    if x.identity is not None:
        told += x.identity.fields
    if x.forward is not None:
        told += x.forward
    return told
