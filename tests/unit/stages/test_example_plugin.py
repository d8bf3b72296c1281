"""The stages of examples/plugin do what their README says."""

from __future__ import annotations

import base64
import hashlib
import pathlib
from typing import Any

import pytest

from portico.config import ConfigurationError
from portico.exchange.failure import INTERNAL
from portico.exchange.reply import Reply
from portico.stages import load_stages
from tests.unit.identity.signing import request
from tests.unit.stages.site import Route, exchange

SOURCE = pathlib.Path(__file__).parents[3] / "examples" / "plugin" / "src"
REFERENCES = {
    "maintenance": "portico_example.maintenance:MaintenanceStage",
    "content_digest": "portico_example.content_digest:ContentDigestStage",
}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCE))


def route(folder: pathlib.Path, key: str, written: Any, methods: str = "") -> Route:
    return Route(folder, key, written, "", methods, load_stages([REFERENCES[key]]))


def test_maintenance_answers_for_the_service(tmp_path: pathlib.Path) -> None:
    everything = route(tmp_path, "maintenance", {"text": "Back soon", "retry_after": "10m"})
    failure = everything.ask(exchange())
    assert failure is not None
    assert (failure.status, failure.code, failure.text) == (503, "MAINTENANCE", "Back soon")
    assert failure.fields == ((b"retry-after", b"600"),)
    assert everything.explain() == "refuses everything"


def test_maintenance_may_let_readers_through(tmp_path: pathlib.Path) -> None:
    reading = route(tmp_path, "maintenance", {"read_only": True})
    assert reading.ask(exchange(method=b"GET")) is None
    assert reading.ask(exchange(method=b"POST")) is not None
    assert reading.explain() == "refuses unsafe methods"


def test_maintenance_marks_replies_and_counts_what_it_refused(tmp_path: pathlib.Path) -> None:
    where = route(tmp_path, "maintenance", {})
    hooks = where.compile()
    assert hooks is not None
    assert hooks.on_reply is not None
    assert hooks.on_end is not None
    x, reply = exchange(), Reply(503)
    hooks.on_reply(x, reply)
    assert reply.header(b"x-maintenance") == b"on"
    for failure in (where.ask(x), INTERNAL, None):
        x.failure = failure
        hooks.on_end(x)
    count = where.metrics.registry.counter("portico_example_maintenance_total", "", ["route"])
    assert count.labels("/tickets/**").value == 1


def test_maintenance_that_refuses_nothing_is_a_problem(tmp_path: pathlib.Path) -> None:
    assert route(tmp_path, "maintenance", {"read_only": True}, "GET,HEAD").problems() == [
        "routes[0].maintenance.read_only: would refuse nothing on this route, which takes only safe methods"
    ]


@pytest.mark.parametrize("written", [{"retry_after": 10}, {"text": ""}, {"readonly": True}, "on"])
def test_typed_settings_are_checked_like_our_own(tmp_path: pathlib.Path, written: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"routes\[0\]\.maintenance"):
        route(tmp_path, "maintenance", written)


def digest(body: bytes) -> bytes:
    return b"sha-256=:%b:" % base64.b64encode(hashlib.sha256(body).digest())


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (digest(b"body"), None),
        (b"md5=:AAAA:, " + digest(b"body"), None),
        (digest(b"other"), "DIGEST_WRONG"),
        (b"sha-256=:AAAA:", "DIGEST_WRONG"),
        (b"sha-256=:!:", "DIGEST_WRONG"),
        (b"sha-256=AAAA", "DIGEST_WRONG"),
        (b"sha-256=:", "DIGEST_WRONG"),
        (b"md5=:AAAA:", "DIGEST_MISSING"),
        (None, "DIGEST_MISSING"),
    ],
)
def test_body_must_be_what_its_digest_says(
    tmp_path: pathlib.Path, field: bytes | None, code: str | None
) -> None:
    where = route(tmp_path, "content_digest", {"required": True, "most": "1KiB"})
    hooks = where.compile()
    assert hooks is not None
    assert hooks.needs_body == 1024
    x = exchange(request(*([] if field is None else [(b"content-digest", field)])).request, method=b"POST")
    x.body = b"body"
    failure = where.ask(x)
    assert (failure.code if failure is not None else None) == code


def test_digest_may_be_missing_where_it_is_not_required(tmp_path: pathlib.Path) -> None:
    where = route(tmp_path, "content_digest", {})
    assert where.ask(exchange(method=b"POST")) is None
    assert where.explain() == "checks bodies that have a digest"
