"""Keys that would do nothing stop the start, at their place in the file."""

import pytest

from portico.config import ConfigurationError, load_settings_text
from portico.gateway.check import compile_offline
from portico.stages import load_stages, stage_types


def problems(text: str) -> list[str]:
    """What is wrong with a configuration of one service and this."""
    whole = f'version: 1\nservices: {{one: {{url: "http://127.0.0.1:1", breaker: off}}}}\n{text}\n'
    try:
        compile_offline(load_settings_text(whole, stage_types(load_stages())))
    except ConfigurationError as error:
        return list(map(str, error.problems))
    return []


def route(headers: str = "") -> str:
    return f"routes: [{{match: /a, service: one, authenticate: none, headers: {{{headers}}}}}]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "gateway: {errors: {texts: {NOT_FUOND: Not here}}}",
            "portico.yaml:3:39: gateway.errors.texts.NOT_FUOND: there is no error NOT_FUOND – "
            'did you mean "NOT_FOUND"?',
        ),
        (
            "gateway: {ready: {require: one}}",
            "portico.yaml:3:28: gateway.ready.require[0]: has no effect: one has no breaker, and so always counts as "
            "ready",
        ),
        (
            "gateway: {stall: 100ms}",
            "portico.yaml:3:18: gateway.stall: is too short: the loop's heart beats ten times a second – write 200ms "
            "or more, or off",
        ),
        (
            route("pass: x-a"),
            "portico.yaml:3:72: routes[0].headers.pass: has no effect: it adds to headers.allow, and without that "
            "every header passes – remove it, or write allow: standard",
        ),
        (
            f"defaults: {{headers: {{pass: x-a}}}}\n{route()}",
            "portico.yaml:3:28: defaults.headers.pass: has no effect: it adds to headers.allow, and without that every "
            "header passes – remove it, or write allow: standard",
        ),
    ],
)
def test_what_would_do_nothing_is_a_problem(text: str, problem: str) -> None:
    assert [found for found in problems(text) if "warning:" not in found] == [problem]


def test_a_breaker_that_cannot_work_is_a_problem() -> None:
    text = "version: 1\nservices: {one: {url: 'http://127.0.0.1:1', breaker: {errors: 0%}}}"
    with pytest.raises(ConfigurationError, match=r"services.one.breaker: errors must be more than 0"):
        compile_offline(load_settings_text(text, stage_types(load_stages())))


def test_access_without_proof_is_a_problem() -> None:
    [problem] = problems("routes: [{match: /a, service: one, authenticate: none, authorize: {roles: [admin]}}]\n"
                         "roles: {admin: {}}")  # fmt: skip
    assert "routes[0].authorize: refuses every request" in problem


def test_a_service_that_no_route_uses_is_a_warning() -> None:
    assert any("warning: services.one: no route uses this service" in found for found in problems(
        "gateway: {stall: 100ms}"))  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "gateway: {errors: {body: {m: '{status'}}}",
        "gateway: {health: {body: {m: 'status}'}}}",
        'gateway: {errors: {body: {}, content_type: "text/html\\r\\nx-a: b"}}',
    ],
)
def test_what_could_not_be_sent_or_never_opens_is_a_problem(text: str) -> None:
    assert any("warning:" not in found for found in problems(text))


@pytest.mark.parametrize(
    "text",
    [
        "gateway: {errors: {texts: {NOT_FOUND: Not here}}, stall: 200ms}",
        route("pass: x-a, allow: standard"),
        f"defaults: {{headers: {{allow: standard}}}}\n{route('pass: x-a')}",
        f"defaults: {{headers: {{pass: x-a}}}}\n{route('allow: standard')}",
    ],
)
def test_what_does_something_is_none(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("by_route", "by_service", "by_default", "total_s"),
    [
        ("", "", "", None),
        ("", "", "total: 3s", 3.0),
        ("", "total: 2s", "total: 3s", 2.0),
        ("total: 1s", "total: 2s", "total: 3s", 1.0),
        ("total: off", "total: 2s", "total: 3s", None),
        ("", "total: off", "total: 3s", None),
    ],
)
def test_the_first_that_states_a_total_decides(
    by_route: str, by_service: str, by_default: str, total_s: float | None
) -> None:
    text = f"""
version: 1
services: {{one: {{url: "http://127.0.0.1:1"{f", {by_service}" if by_service else ""}}}}}
defaults: {{{by_default}}}
routes: [{{match: /a, service: one, authenticate: none{f", {by_route}" if by_route else ""}}}]
"""
    offline = compile_offline(load_settings_text(text, stage_types(load_stages())))
    (chain,) = (chain for chain in offline.runtime.chains if chain.forward is not None)
    assert chain.total_s == total_s


def limited(limit: str, authenticate: str = "none") -> str:
    return (
        'identity: {users: {jwt: {secret: "a secret that is long enough for HS256"}}}\n'
        f"routes: [{{match: /a, service: one, authenticate: {authenticate}, rate_limit: [{limit}]}}]"
    )


def test_a_limit_by_who_calls_is_a_problem_where_nobody_is_known() -> None:
    reason = "is known of nobody here: the route proves nobody (authenticate: none)"
    assert [found for found in problems(limited("{allow: 5/min, per: user}")) if "warning:" not in found] == [
        f"portico.yaml:4:89: routes[0].rate_limit[0].per: user {reason} – write user|ip, or another rate_limit for "
        "this route"
    ]
    inherited = f"defaults: {{rate_limit: [{{allow: 5/min, per: tenant+user}}]}}\n{route()}"
    assert [found for found in problems(inherited) if "warning:" not in found] == [
        "portico.yaml:4:10: routes[0]: has a limit per tenant+user from defaults, which "
        f"{reason} – write tenant+user|ip, or another rate_limit for this route"
    ]
    for fine in ("{allow: 5/min, per: user|ip}", "{allow: 5/min, per: ip+route}"):
        assert problems(limited(fine)) == []
    assert problems(limited("{allow: 5/min, per: user}", "users")) == []


def test_what_limits_share_has_no_effect_without_one() -> None:
    text = f"gateway: {{rate_limits: {{keys: 5}}}}\n{route()}"
    assert [found for found in problems(text) if "warning:" not in found] == [
        "portico.yaml:3:11: gateway.rate_limits: has no effect: no route has a rate_limit – remove it"
    ]
