"""Which routes are logged, and how the settings decide it at load."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from portico.config.models.gateway import LogSettings
from portico.config.models.settings import Settings
from portico.exchange.call import Call
from portico.observe.writer import LogWriters
from portico.stages.access_log import AccessLogStage
from tests.unit.observe.requests import exchange

T = TypeVar("T")


class OneRoute:
    """A site with one route."""

    route = "one"
    methods: frozenset[bytes] = frozenset()

    def __init__(
        self, logs: dict[str, Any], template: str = "/tickets/{id}", service: str = "tickets"
    ) -> None:
        self.settings = Settings(version=1, logs=LogSettings.model_validate(logs))
        self.template = template
        self.service = service
        self.writers = LogWriters()

    def shared(self, key: str, build: Callable[[], T]) -> T:
        return build()

    def live(self, key: str, build: Callable[[], Any]) -> Any:
        assert key == "access_log"
        return self.writers

    def call(self, service: str) -> Call:
        raise AssertionError(service)

    def background(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        raise AssertionError(key)

    def problem(self, reason: str, *path: str | int, suggestion: str = "") -> None:
        raise AssertionError(reason)


def test_every_route_is_logged_to_the_destination(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    site = OneRoute({"access": str(path)})
    hooks = AccessLogStage().compile(None, site)
    assert hooks is not None
    assert hooks.on_request is None
    assert hooks.on_end is not None
    hooks.on_end(exchange())
    site.writers.close()
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line)["route"] == "/tickets/{id}"


def test_nothing_runs_when_it_is_off() -> None:
    assert AccessLogStage().compile(None, OneRoute({"access": "off"})) is None


@pytest.mark.parametrize("template", ["/live", "/health", "/health/detailed", "/ready"])
def test_the_gateways_own_health_checks_are_not_logged(template: str) -> None:
    assert AccessLogStage().compile(None, OneRoute({}, template, "")) is None
    assert AccessLogStage().compile(None, OneRoute({}, template, "tickets")) is not None


def test_what_has_no_route_is_logged() -> None:
    assert AccessLogStage().compile(None, OneRoute({}, "unmatched", "")) is not None


def test_a_line_at_the_beginning_needs_the_setting_and_the_level() -> None:
    def begins(logs: dict[str, Any]) -> bool:
        hooks = AccessLogStage().compile(None, OneRoute(logs))
        return hooks is not None and hooks.on_request is not None

    assert begins({"requests": True})
    assert not begins({"requests": False})
    assert not begins({"requests": True, "level": "warn"})


@pytest.mark.parametrize(
    ("logs", "shown", "hidden"),
    [
        ({"format": "json"}, b'"level":"info"', b"\x1b"),
        ({"format": "color"}, b"\x1b[32mINFO", b'"level"'),
        ({"redact": ["color"]}, b"color=[redacted]", b"blue"),
        ({"headers": True}, b'"accept":"*/*"', b"\x1b"),
        ({"slow": "1ms"}, b"slow_request", b"\x1b"),
        ({"slow": "off"}, b"response", b"slow_request"),
        ({"level": "error"}, b"", b"response"),
    ],
)
def test_the_settings_shape_the_line(
    logs: dict[str, Any], shown: bytes, hidden: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    site = OneRoute({"access": str(path), **logs})
    hooks = AccessLogStage().compile(None, site)
    assert hooks is not None
    assert hooks.on_end is not None
    hooks.on_end(exchange(b"/x?color=blue", fields=[(b"accept", b"*/*")], seconds=2))
    site.writers.open()
    site.writers.close()
    text = path.read_bytes()
    assert shown in text
    assert hidden not in text
