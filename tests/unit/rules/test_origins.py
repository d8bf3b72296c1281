"""Origins: exact ones, whole labels, this machine; never `null`, never more than is remembered."""

from __future__ import annotations

import pytest

from portico.rules.origins import Origins

LISTED = Origins(["https://app.example.com", "https://*.shop.example:8443", "app://*.phone.example"], False)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (b"https://app.example.com", True),
        (b"https://APP.example.com", False),
        (b"https://app.example.com/", False),
        (b"https://app.example.com\n", False),
        (b"https://a.shop.example:8443", True),
        (b"https://a.b.shop.example:8443", True),
        (b"https://a.shop.example:8443\n", False),
        (b"https://a.shop.example", False),
        (b"https://shop.example:8443", False),
        (b"https://xshop.example:8443", False),
        (b"https://ashopxexample:8443", False),
        (b"https://a.shop.example:84430", False),
        (b"https://user@a.shop.example:8443", False),
        (b"https://evil.example/.shop.example:8443", False),
        (b"app://x.phone.example", True),
        (b"http://localhost", False),
        (b"null", False),
        (b"", False),
        (b"*", False),
        (b"https://*.shop.example:8443", False),
    ],
)
def test_an_origin_is_allowed_or_not(origin: bytes, allowed: bool) -> None:
    assert LISTED.allow(origin) is allowed
    assert LISTED.allow(origin) is allowed


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (b"http://localhost", True),
        (b"https://localhost:3000", True),
        (b"http://127.0.0.1:65535", True),
        (b"http://[::1]:1", True),
        (b"http://127.0.0.2", False),
        (b"http://127x0.0.1", False),
        (b"http://localhost:", False),
        (b"http://localhost:123456", False),
        (b"http://a.localhost", False),
    ],
)
def test_this_machine(origin: bytes, allowed: bool) -> None:
    assert Origins([], True).allow(origin) is allowed


def test_what_pages_send_is_remembered_within_a_bound() -> None:
    origins = Origins(["https://*.shop.example"], False)
    for number in range(5000):
        assert not origins.allow(b"https://%d.evil.example" % number)
        assert origins.allow(b"https://%d.shop.example" % number)
    assert not origins.allow(b"https://%b.shop.example" % (b"a" * 300))
    assert repr(origins) == "<Origins 0 exact, 1024 remembered>"
