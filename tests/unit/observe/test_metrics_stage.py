"""What the metrics stage counts, for every way that a request can end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, TypeVar

import pytest

from portico.exchange import failure
from portico.exchange.call import Call
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.exchange.stage import Hooks
from portico.observe.families import Metrics
from portico.observe.metrics import Registry
from portico.stages.metrics import MetricsStage

T = TypeVar("T")


class OneRoute:
    """A site with one route."""

    route = "tickets"
    service = "tickets"
    settings: Any = None

    def __init__(self, metrics: Metrics, template: str = "/tickets/{id}", *methods: bytes) -> None:
        self.metrics = metrics
        self.template = template
        self.methods = frozenset(methods)

    def shared(self, key: str, build: Callable[[], T]) -> T:
        return build()

    def live(self, key: str, build: Callable[[], Any]) -> Any:
        assert key == "metrics"
        return self.metrics

    def call(self, service: str) -> Call:
        raise AssertionError(service)

    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        raise AssertionError(key)

    def problem(self, reason: str, *path: str | int, suggestion: str = "") -> None:
        raise AssertionError(reason)


def ended(
    hooks: Hooks,
    method: bytes,
    status: int | None,
    failed: Failure | None = None,
    sent: int = 0,
    got: int = 0,
) -> None:
    request = Request()
    request.method = method
    request.body_bytes = got
    x = Exchange(None, request, monotonic())  # type: ignore[arg-type]
    assert hooks.on_end is not None
    x.reply = None if status is None else Reply(status)
    x.failure = failed
    x.finished = x.now + 0.02
    x.reply_bytes = sent
    hooks.on_end(x)


def counted(registry: Registry, name: str) -> dict[tuple[str, ...], int]:
    return {tuple(labels): int(sum(numbers[1:])) for labels, numbers in registry.snapshot()[name]["children"]}


def test_duration_and_sizes_go_to_the_route_and_status() -> None:
    metrics = Metrics()
    hooks = MetricsStage().compile(None, OneRoute(metrics))
    ended(hooks, b"POST", 201, sent=150, got=5000)
    child = metrics.durations.labels("POST", "/tickets/{id}", "201")
    assert child.counts[1] == 1  # between 10 and 50 ms
    assert child.sum == pytest.approx(0.02)
    assert metrics.request_sizes.labels("POST", "/tickets/{id}").numbers() == [5000, 0, 0, 1, 0, 0, 0]
    assert metrics.reply_sizes.labels("POST", "/tickets/{id}").numbers() == [150, 0, 1, 0, 0, 0, 0]


def test_a_request_without_a_body_has_size_nought() -> None:
    metrics = Metrics()
    ended(MetricsStage().compile(None, OneRoute(metrics)), b"GET", 200)
    assert metrics.request_sizes.labels("GET", "/tickets/{id}").numbers() == [0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("status", "failed", "label"),
    [
        (200, None, "200"),
        (502, failure.UNREACHABLE, "502"),
        (200, failure.CONNECTION_RESET, "200"),  # what the client was told, before the service broke off
        (200, failure.CLIENT_GONE, "499"),
        (None, failure.CLIENT_GONE, "499"),
        (None, None, "499"),
        (None, failure.REQUEST_TIMEOUT, "408"),
    ],
)
def test_the_status_says_how_it_ended(status: int | None, failed: Failure | None, label: str) -> None:
    metrics = Metrics()
    ended(MetricsStage().compile(None, OneRoute(metrics)), b"GET", status, failed)
    assert counted(metrics.registry, "http_request_duration_seconds") == {("GET", "/tickets/{id}", label): 1}


def test_methods_that_nobody_configured_are_one_label() -> None:
    metrics = Metrics()
    hooks = MetricsStage().compile(None, OneRoute(metrics, "/dav/**", b"PROPFIND"))
    for method in (b"PROPFIND", b"SUBSCRIBE", b"MKCOL", b"", b"MKCOL"):
        ended(hooks, method, 200)
    assert counted(metrics.registry, "http_request_duration_seconds") == {
        ("PROPFIND", "/dav/**", "200"): 1,
        ("other", "/dav/**", "200"): 4,
    }


def test_a_route_that_vanishes_at_a_reload_keeps_its_counts() -> None:
    metrics = Metrics()
    ended(MetricsStage().compile(None, OneRoute(metrics, "/old")), b"GET", 200)
    ended(MetricsStage().compile(None, OneRoute(metrics, "/new")), b"GET", 200)
    ended(MetricsStage().compile(None, OneRoute(metrics, "/new")), b"GET", 200)
    assert counted(metrics.registry, "http_request_duration_seconds") == {
        ("GET", "/old", "200"): 1,
        ("GET", "/new", "200"): 2,
    }
