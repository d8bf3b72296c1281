"""Which of a client's fields reach a service."""

import pytest

from portico.services.forward import request_fields


@pytest.mark.parametrize(
    "name", [b"accept", b"authorization", b"cookie", b"x-custom", b"a_b", b"trailer", b"content-type"]
)
def test_ordinary_fields_pass(name: bytes) -> None:
    assert request_fields()[name]


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
        b"proxy-authorization",
    ]
    + [
        b"host",
        b"expect",
        b"x-request-id",
        b"x-user-id",
        b"x-internal-a",
        b"forwarded",
        b"x-request-deadline",
    ]
    + [b"transfer_encoding", b"content_length", b"x_tenant_id", b"x_request_id"],
)
def test_fields_that_never_pass(name: bytes) -> None:
    assert not request_fields()[name]
    assert not request_fields(allow=frozenset({name.decode(), "x-*"}))[name]


def test_allowed_names_are_all_that_pass() -> None:
    keep = request_fields(allow=frozenset({"accept", "x-a-*"}))
    assert [keep[name] for name in (b"accept", b"x-a-b", b"x-b")] == [True, True, False]


def test_dropped_names_do_not_pass() -> None:
    keep = request_fields(drop=frozenset({"cookie", "x-a-*"}))
    assert [keep[name] for name in (b"cookie", b"x-a-b", b"accept")] == [False, False, True]
