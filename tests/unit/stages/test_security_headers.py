"""Which security headers a route's replies carry."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from portico.config import ConfigurationError
from portico.stages.security_headers import SecurityHeadersStage
from tests.unit.stages.site import Route

CSP = b"default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:"
DEFAULTS = {
    b"content-security-policy": CSP,
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"no-referrer",
}


def fields(folder: pathlib.Path, written: Any) -> dict[bytes, bytes]:
    """The constant fields; the stage has no other hooks."""
    hooks = Route(folder, "security_headers", written, "").compile()
    if hooks is None:
        return {}
    assert (hooks.on_request, hooks.on_reply, hooks.on_end) == (None, None, None)
    assert len(dict(hooks.reply_fields)) == len(hooks.reply_fields)
    return dict(hooks.reply_fields)


def test_they_are_on_where_nothing_is_written(tmp_path: pathlib.Path) -> None:
    site = Route(tmp_path, "security_headers", {}, "").site
    hooks = SecurityHeadersStage().compile(None, site)
    assert hooks is not None
    assert dict(hooks.reply_fields) == DEFAULTS
    assert SecurityHeadersStage.always
    assert fields(tmp_path, {}) == DEFAULTS


@pytest.mark.parametrize("written", ["off", False])
def test_a_route_can_switch_them_off(tmp_path: pathlib.Path, written: Any) -> None:
    assert fields(tmp_path, written) == {}
    assert Route(tmp_path, "security_headers", written, "").explain() == "off"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("csp", b"content-security-policy"),
        ("nosniff", b"x-content-type-options"),
        ("frame", b"x-frame-options"),
        ("referrer", b"referrer-policy"),
    ],
)
def test_each_can_be_off(tmp_path: pathlib.Path, key: str, name: bytes) -> None:
    assert fields(tmp_path, {key: "off"}) == {
        field: value for field, value in DEFAULTS.items() if field != name
    }


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        ({"csp": "default-src 'none'"}, b"content-security-policy", b"default-src 'none'"),
        ({"frame": "DENY"}, b"x-frame-options", b"DENY"),
        ({"referrer": "same-origin"}, b"referrer-policy", b"same-origin"),
        ({"xss": "1; mode=block"}, b"x-xss-protection", b"1; mode=block"),
        ({"hsts": {}}, b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
        (
            {"hsts": {"max_age": "730d", "preload": True}},
            b"strict-transport-security",
            b"max-age=63072000; includeSubDomains; preload",
        ),
        ({"hsts": {"max_age": "0s", "subdomains": False}}, b"strict-transport-security", b"max-age=0"),
    ],
)
def test_what_is_written_is_sent(tmp_path: pathlib.Path, written: Any, name: bytes, value: bytes) -> None:
    assert fields(tmp_path, written) == {**DEFAULTS, name: value}


def test_explain_names_the_fields(tmp_path: pathlib.Path) -> None:
    assert Route(tmp_path, "security_headers", {"csp": "off"}, "").explain() == (
        "adds x-content-type-options, x-frame-options, referrer-policy"
    )


@pytest.mark.parametrize(
    "written",
    [
        {"csp": "a\r\nx-evil: 1"},
        {"csp": "ü"},
        {"csp": ""},
        {"referrer": "a\nb"},
        {"xss": "\x7f"},
        {"frame": "sometimes"},
        {"hsts": True},
        {"hsts": {"max_age": 3}},
        {"cors": {}},
        {"csp": None},
        "on",
        None,
    ],
)
def test_what_cannot_be_sent_is_refused(tmp_path: pathlib.Path, written: Any) -> None:
    with pytest.raises(ConfigurationError, match="security_headers"):
        fields(tmp_path, written)
