"""Who is let in, by which method, and what is counted, said and written down when nobody is."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from portico.config import ConfigurationError
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from tests.unit.identity.signing import CLAIMS, NOW, SECRET, bearing, request, sign
from tests.unit.stages.site import Route, exchange

OTHER = "another secret of the tests, which is long enough too"
SECTIONS = f"""
identity:
  users: {{jwt: {{secret: "{SECRET}"}}}}
  staff: {{jwt: {{secret: "{OTHER}", header: X-Staff-Token}}}}
  twins: {{jwt: {{secret: "{OTHER}"}}}}
"""
GOOD = sign(CLAIMS)
STAFF = sign({**CLAIMS, "sub": "s-1"}, key=OTHER.encode())


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path


def route(folder: pathlib.Path, written: Any, sections: str = SECTIONS) -> Route:
    return Route(folder, "authenticate", written, sections)


def calling(*fields: tuple[bytes, bytes]) -> Exchange:
    return exchange(request(*fields).request, now=NOW)


def bearer(token: bytes) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + token


def counts(where: Route) -> tuple[float, float]:
    return where.metrics.authentication_success.value, where.metrics.authentication_failure.value


def test_proven_caller_is_in_the_exchange(folder: pathlib.Path) -> None:
    users = route(folder, "users")
    x = exchange(bearing(GOOD).request, now=NOW)
    assert users.ask(x) is None
    assert x.identity is not None
    assert (x.identity.subject, x.identity.method) == ("u-1", "users")
    assert counts(users) == (1, 0)
    assert users.audit() == []


def test_missing_token_is_told_as_401_with_the_way_to_prove(folder: pathlib.Path) -> None:
    users = route(folder, "users")
    x = calling()
    failure = users.ask(x)
    assert failure is not None
    assert (failure.status, failure.code) == (401, "AUTH_REQUIRED")
    assert failure.fields == ((b"www-authenticate", b'Bearer realm="users"'),)
    assert x.identity is None
    assert counts(users) == (0, 1)
    (line,) = users.audit()
    assert {name: line[name] for name in ("event", "severity", "ip", "requestId", "userId", "code")} == {
        "event": "authentication_failed",
        "severity": "low",
        "ip": "192.0.2.7",
        "requestId": "req_1",
        "userId": None,
        "code": "AUTH_REQUIRED",
    }


def test_false_token_is_graver_than_an_old_one(folder: pathlib.Path) -> None:
    users = route(folder, "users")
    assert (
        _code(users.ask(exchange(bearing(sign(CLAIMS, key=b"o" * 32)).request, now=NOW))) == "INVALID_TOKEN"
    )
    assert _code(users.ask(exchange(bearing(GOOD).request, now=NOW + 1000))) == "TOKEN_EXPIRED"
    assert [(line["severity"], line["reason"]) for line in users.audit()] == [
        ("medium", "token refused by users: its signature is not from a key that is trusted here"),
        ("low", "token refused by users: it has expired"),
    ]


def _code(failure: Failure | None) -> str:
    assert failure is not None
    return failure.code


def test_wall_time_is_the_clock_of_the_gateway(folder: pathlib.Path) -> None:
    users = route(folder, "users")
    users.clock.offset = NOW - 1000.0
    assert users.ask(exchange(bearing(GOOD).request, now=1000.0)) is None
    assert _code(users.ask(exchange(bearing(GOOD).request, now=1200.0))) == "TOKEN_EXPIRED"


@pytest.mark.parametrize("order", [["users", "staff"], ["staff", "users"]])
def test_method_without_a_credential_passes_on(folder: pathlib.Path, order: list[str]) -> None:
    both = route(folder, order)
    x = calling((b"x-staff-token", STAFF))
    assert both.ask(x) is None
    assert x.identity is not None
    assert x.identity.method == "staff"
    x = calling(bearer(GOOD))
    assert both.ask(x) is None
    assert x.identity is not None
    assert x.identity.method == "users"
    assert counts(both) == (2, 0)


def test_first_credential_decides(folder: pathlib.Path) -> None:
    fields = (bearer(GOOD), (b"x-staff-token", STAFF))
    for order in (["users", "staff"], ["staff", "users"]):
        x = calling(*fields)
        assert route(folder, order).ask(x) is None
        assert x.identity is not None
        assert x.identity.method == order[0]


def test_false_credential_fails_though_another_method_would_accept(folder: pathlib.Path) -> None:
    both = route(folder, ["users", "staff"])
    x = calling(bearer(b"false"), (b"x-staff-token", STAFF))
    assert _code(both.ask(x)) == "INVALID_TOKEN"
    assert x.identity is None
    assert counts(both) == (0, 1)


def test_missing_credential_lists_every_method(folder: pathlib.Path) -> None:
    failure = route(folder, ["users", "staff"]).ask(calling())
    assert failure is not None
    assert failure.fields == (
        (b"www-authenticate", b'Bearer realm="users"'),
        (b"www-authenticate", b'Bearer realm="staff"'),
    )


def test_public_route_asks_for_nothing(folder: pathlib.Path) -> None:
    public = route(folder, "none")
    assert public.compile() is None
    assert public.problems() == []
    assert public.explain() == "public: asks for no proof"


def test_explain_names_the_methods_in_order(folder: pathlib.Path) -> None:
    assert route(folder, ["users", "staff"]).explain() == "proves the caller by users, else by staff"


def test_proofs_are_shared_between_the_routes_of_a_configuration(folder: pathlib.Path) -> None:
    users = route(folder, "users")
    users.compile()
    first: object = users.site.shared("identity", dict)
    users.compile()
    assert users.site.shared("identity", dict) is first


def test_second_method_on_the_same_header_is_a_problem(folder: pathlib.Path) -> None:
    assert route(folder, ["users", "twins"]).problems() == [
        "routes[0].authenticate[1]: twins reads the same header as users before it, and would never be asked"
        " – give each an issuer or a typ of its own"
    ]


def test_key_that_cannot_be_used_is_a_problem_and_lets_nobody_in(folder: pathlib.Path) -> None:
    sections = 'identity: {users: {jwt: {public_key: "-----BEGIN nonsense", algorithms: [ES256]}}}'
    broken = route(folder, "users", sections)
    (problem,) = broken.problems()
    assert problem.startswith("routes[0].authenticate: identity.users.jwt.public_key holds no public key")
    hooks = broken.compile()
    assert hooks is not None
    assert hooks.on_request is not None
    assert isinstance(hooks.on_request(calling(bearer(GOOD))), Failure)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("usrs", 'unknown identity "usrs" – did you mean "users"?'),
        (["users", "none"], '"none" is not one of several methods – write none alone for a public route'),
        ([], "names no identity – write none for a public route"),
        (None, "names no identity – write none for a public route"),
        (["users", "users"], '"users" is listed twice'),
        (7, "must be the name of a declared identity, not 7"),
    ],
)
def test_settings_that_make_no_sense_are_refused(folder: pathlib.Path, written: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        route(folder, written)
    assert reason in str(caught.value)
