"""Counts, times and sizes of every request, by method, route and status (requirement 12.1).

Always on and outermost, so that what other stages and the gateway itself answer is counted too. The children are
looked up once per route, method and status; a request touches three objects and makes none. Requests in progress
are not counted here: the road knows them, and is asked at a scrape.
"""

from __future__ import annotations

from typing import ClassVar

from portico.exchange.exchange import Exchange
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.observe.families import Metrics
from portico.observe.metrics import OTHER, Buckets

# RFC 9110 section 9 and RFC 5789; any other method is one label unless the route names it.
_METHODS = frozenset(
    {b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"}
)
_GONE = 499


class _Method(dict[int, Buckets]):
    """One method on one route: a histogram of durations per status, and the two of sizes."""

    __slots__ = ("_method", "_metrics", "_route", "reply_sizes", "request_sizes")

    def __init__(self, metrics: Metrics, method: str, route: str) -> None:
        super().__init__()
        self._metrics = metrics
        self._method = method
        self._route = route
        self.request_sizes = metrics.request_sizes.labels(method, route)
        self.reply_sizes = metrics.reply_sizes.labels(method, route)

    def __missing__(self, status: int) -> Buckets:
        # At most 500 entries: a reply whose status is outside 100 to 599 never gets here.
        child = self[status] = self._metrics.durations.labels(self._method, self._route, str(status))
        return child


class _Observer(dict[bytes, _Method]):
    """One route: what is counted, per method."""

    __slots__ = ("_known", "_metrics", "_route")

    def __init__(self, metrics: Metrics, route: str, methods: frozenset[bytes]) -> None:
        super().__init__()
        self._metrics = metrics
        self._route = route
        self._known = _METHODS | methods

    def __missing__(self, method: bytes) -> _Method:
        if method in self._known:
            observed = self[method] = _Method(self._metrics, method.decode("latin-1"), self._route)
            return observed
        # Unknown methods share one entry, so that a client that invents them cannot grow this table.
        shared = self.get(b"")
        if shared is None:
            shared = self[b""] = _Method(self._metrics, OTHER, self._route)
        return shared

    def end(self, x: Exchange) -> None:
        """on_end: the request is over, however it ended."""
        request = x.request
        reply = x.reply
        failure = x.failure
        observed = self[request.method]
        if reply is None:
            status = _GONE if failure is None else failure.status
        else:
            status = reply.status if failure is None or failure.status != _GONE else _GONE
        observed[status].observe(x.finished - x.now)
        sizes = observed.request_sizes
        if request.body_bytes:
            sizes.observe(request.body_bytes)
        else:
            sizes.counts[0] += 1  # most requests have no body: spare them the call
        observed.reply_sizes.observe(x.reply_bytes)


class MetricsStage(Stage[None]):
    """Metrics on every route."""

    key: ClassVar[str] = "metrics"
    phase: ClassVar[Phase] = Phase.OBSERVE
    settings: ClassVar[None] = None
    summary: ClassVar[str] = "Counts, times and measures every request."
    order: ClassVar[int] = -100
    always: ClassVar[bool] = True

    def compile(self, settings: None, site: Site) -> Hooks:
        """The hook that counts on this route's children."""
        observer = _Observer(site.live("metrics", Metrics), site.template, site.methods)
        return Hooks(on_end=observer.end)

    def explain(self, settings: None) -> str:
        """One line for `portico explain`."""
        return "counted and timed"
