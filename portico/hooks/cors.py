"""The hooks of CORS: the gateway answers pre-flights, and says on every other reply which page may read it (Fetch).

What may be read is decided by `rules.origins`, what is announced by `stages.cors`; here is only what runs for every
request. Replies differ by Origin, and so always say it in Vary, also those to nobody in particular.
"""

from __future__ import annotations

from portico.exchange.exchange import Exchange
from portico.exchange.failure import ORIGIN_DENIED
from portico.exchange.fields import Field
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.exchange.stage import Outcome
from portico.observe.audit import Audit, Repeats
from portico.rules.origins import Origins

_VARY = b"vary: Origin\r\n"


def is_preflight(request: Request) -> bool:
    """Whether a browser asks what it may ask (Fetch, section 3.2.2)."""
    return (
        request.method == b"OPTIONS"
        and request.header(b"access-control-request-method") is not None
        and request.header(b"origin") is not None
    )


class Anybody:
    """Every page may read, without credentials: replies are the same for all, and only pre-flights take a hook."""

    __slots__ = ("_announced",)

    def __init__(self, announced: list[Field]) -> None:
        self._announced = announced

    def answer(self, x: Exchange) -> Outcome:
        """on_request: answer a pre-flight."""
        if x.request.method == b"OPTIONS" and is_preflight(x.request):
            return Reply(204, list(self._announced))
        return None


class Listed:
    """Pages of these origins may read. `announced`: fields of the answer to a pre-flight; `granted`: further lines of
    any other reply to such a page."""

    __slots__ = ("_announced", "_audit", "_common", "_granted", "_origins", "_refused")

    def __init__(
        self, origins: Origins, announced: list[Field], common: bytes, granted: bytes, audit: Audit
    ) -> None:
        self._origins = origins
        self._announced = announced
        self._common = b"\r\n" + common + _VARY
        self._granted = self._common + granted
        self._audit = audit
        self._refused = Repeats()

    def answer(self, x: Exchange) -> Outcome:
        """on_request: answer a pre-flight, and keep a page that may not read from opening a WebSocket."""
        request = x.request
        if request.method == b"OPTIONS":
            if not is_preflight(request):
                return None
            origin = request.header(b"origin")
            if origin is not None and self._origins.allow(origin):
                return Reply(204, list(self._announced))
        elif request.upgrade:
            # Browsers ask nobody before a WebSocket, and let every page read what comes through it.
            origin = request.header(b"origin")
            if origin is None or self._origins.allow(origin) or _is_own(origin, request):
                return None
        else:
            return None
        times = self._refused.count(x.now)
        if times:
            self._audit("origin_denied", "low", x, code=ORIGIN_DENIED.code, origin=origin, refused=times)
        return ORIGIN_DENIED.because("the origin is not in the route's cors.origins")

    def tell(self, x: Exchange, reply: Reply) -> None:
        """on_reply: who may read."""
        request = x.request
        origin = request.header(b"origin")
        if origin is None or not self._origins.allow(origin):
            reply.lines += _VARY
        elif request.method == b"OPTIONS" and is_preflight(request):
            reply.lines += b"access-control-allow-origin: " + origin + self._common
        else:
            reply.lines += b"access-control-allow-origin: " + origin + self._granted


def _is_own(origin: bytes, request: Request) -> bool:
    """Whether a page of the gateway's own host asks."""
    return origin.partition(b"://")[2] == request.authority
