"""What may be written about CORS, and what is said of it; what it does is seen from outside (test_cors.py there)."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from portico.config import ConfigurationError
from tests.unit.stages.site import Route, exchange

APP = "https://app.example.com"


def route(folder: pathlib.Path, written: Any) -> Route:
    return Route(folder, "cors", written, "")


@pytest.mark.parametrize(
    ("written", "origins"),
    [
        (APP, (APP,)),
        (
            f"{APP},http://frontend:5173 , https://*.shop.example",
            (APP, "http://frontend:5173", "https://*.shop.example"),
        ),
        (
            [APP, "http://[::1]:3000", "http://10.0.0.1:8080"],
            (APP, "http://[::1]:3000", "http://10.0.0.1:8080"),
        ),
        ("*", ("*",)),
        ({"origins": "app://phone"}, ("app://phone",)),
        ("https://*.internal", ("https://*.internal",)),
    ],
)
def test_origins_are_a_list_or_one_text(
    tmp_path: pathlib.Path, written: Any, origins: tuple[str, ...]
) -> None:
    assert route(tmp_path, written).settings.origins == origins


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("null", '"null" is the origin of every sandboxed page, and so allows everybody'),
        ("https://App.example.com", '"https://App.example.com" is no origin – write https://app.example.com'),
        (f"{APP}/", f'"{APP}/" is no origin – write {APP}, without a path'),
        ("app.example.com", '"app.example.com" is no origin – write https://app.example.com'),
        (f"{APP}:443", f'"{APP}:443" has the port that browsers leave out – write {APP}'),
        (
            "http://a.example:80",
            '"http://a.example:80" has the port that browsers leave out – write http://a.example',
        ),
        (
            "https://*shop.example",
            "* stands for whole labels at the beginning of a host: https://*.example.com",
        ),
        ("https://a*.example", "* stands for whole labels at the beginning of a host: https://*.example.com"),
        ("https://*.com", '"https://*.com" allows every site of a top-level domain'),
        ("https://a..example", '"https://a..example" is no origin'),
        ([APP, APP], f'"{APP}" is listed twice'),
        ([], "allows no origin"),
        ({}, "allows no origin"),
        ({"origins": "*", "credentials": True}, '"*" with credentials lets every page act as the user'),
        ({"origins": ["*", APP]}, '"*" already allows every origin'),
        ({"origins": "*", "localhost": True}, '"*" already allows every origin'),
        ({"origins": APP, "headers": ["*"]}, '"*" means a header of that name wherever credentials are sent'),
        ({"origins": APP, "expose": "X Y"}, '"X Y" is no header name – write X-Y'),
        ({"origins": APP, "methods": "get"}, '"get" is no method – write GET'),
    ],
)
def test_what_would_allow_too_much_or_nothing_is_refused(
    tmp_path: pathlib.Path, written: Any, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        route(tmp_path, written)
    assert problem in str(refused.value)


def test_lists_may_be_short_or_empty(tmp_path: pathlib.Path) -> None:
    settings = route(
        tmp_path,
        {
            "origins": APP,
            "methods": [],
            "headers": [],
            "expose": ["standard", "x-request-id", "X-Mine"],
            "max_age": "2h",
        },
    ).settings
    assert settings.announced() == [(b"access-control-max-age", b"7200")]
    assert settings.exposed().endswith(b"Location, X-Mine")
    assert settings.exposed().lower().count(b"x-request-id") == 1


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (APP, f"pages of {APP} may read"),
        (
            {"origins": APP, "localhost": True, "credentials": True},
            f"pages of {APP}, localhost may read, with credentials",
        ),
        ("*", "pages of every origin may read"),
        ("off", "off: pre-flights and what services say about CORS pass"),
    ],
)
def test_explain(tmp_path: pathlib.Path, written: Any, text: str) -> None:
    assert route(tmp_path, written).explain() == text


def test_off_does_nothing(tmp_path: pathlib.Path) -> None:
    assert route(tmp_path, "off").compile() is None


def test_blocked_preflights_are_in_the_audit_log_once_a_second(tmp_path: pathlib.Path) -> None:
    where = route(tmp_path, APP)
    hooks = where.compile()
    assert hooks is not None
    assert hooks.then is not None
    answer = hooks.then.on_request
    assert answer is not None
    for now in (1.0, 1.2, 1.9, 2.1):
        x = exchange(method=b"OPTIONS", now=now)
        x.request.fields = [(b"origin", b"https://evil.example"), (b"access-control-request-method", b"PUT")]
        answer(x)
    lines = where.audit()
    assert [(line["event"], line["severity"], line["refused"]) for line in lines] == [
        ("origin_denied", "low", 1),
        ("origin_denied", "low", 3),
    ]
    assert lines[0]["origin"] == "https://evil.example"
