"""Where the gateway listens and where services are, as people write it."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from portico.config.addresses import Address, Listen, parse_address, parse_listen


@pytest.mark.parametrize(
    ("text", "listen", "canonical"),
    [
        (":3000", Listen(port=3000), ":3000"),
        ("*:3000", Listen(port=3000), ":3000"),
        (":0", Listen(port=0), ":0"),
        ("127.0.0.1:80", Listen("127.0.0.1", 80), "127.0.0.1:80"),
        ("[::1]:80", Listen("::1", 80), "[::1]:80"),
        ("[0:0:0:0:0:0:0:1]:80", Listen("::1", 80), "[::1]:80"),
        ("Localhost:80", Listen("localhost", 80), "localhost:80"),
        ("unix:/run/a.sock", Listen(unix="/run/a.sock"), "unix:/run/a.sock"),
        ("unix:///run/a.sock", Listen(unix="/run/a.sock"), "unix:/run/a.sock"),
        ("unix:var/a.sock", Listen(unix="var/a.sock"), "unix:var/a.sock"),
    ],
)
def test_listen(text: str, listen: Listen, canonical: str) -> None:
    assert parse_listen(text) == listen
    assert str(listen) == canonical


@pytest.mark.parametrize(
    ("written", "suggestion"),
    [
        (3000, 'write ":3000"'),
        ("3000", 'write ":3000"'),
        ("localhost", 'write "localhost:3000"'),
        ("http://127.0.0.1:3000/", 'write the address alone: "127.0.0.1:3000"'),
        ("::1:3000", "write [::1]:3000"),
        (":65536", ""),
        (":-1", ""),
        (":٣", ""),
        ("[::g]:80", ""),
        ("a b:80", ""),
        ("unix:", "write unix:/path/to/socket"),
        ("unix:/run/", "write unix:/path/to/socket"),
        ("unix:/" + "a" * 103, ""),
        (True, 'write ":3000", "127.0.0.1:3000" or "unix:/path"'),
        (None, 'write ":3000", "127.0.0.1:3000" or "unix:/path"'),
    ],
)
def test_no_listen(written: object, suggestion: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_listen(written)
    assert (refused.value.context or {})["suggestion"] == suggestion


@pytest.mark.parametrize(
    ("text", "address", "canonical", "authority"),
    [
        ("http://a", Address("http", "a", 80), "http://a", "a"),
        ("http://A:80/", Address("http", "a", 80), "http://a", "a"),
        ("http://a:3001/base/", Address("http", "a", 3001, "/base"), "http://a:3001/base", "a:3001"),
        ("https://a", Address("https", "a", 443), "https://a", "a"),
        ("https://a:80", Address("https", "a", 80), "https://a:80", "a:80"),
        ("http://[::1]:81/x", Address("http", "::1", 81, "/x"), "http://[::1]:81/x", "[::1]:81"),
        ("http://[::1]", Address("http", "::1", 80), "http://[::1]", "[::1]"),
        ("unix:/run/a.sock", Address("unix", socket="/run/a.sock"), "unix:/run/a.sock", "localhost"),
        (
            "asgi://shop.app:make.app",
            Address("asgi", app="shop.app:make.app"),
            "asgi://shop.app:make.app",
            "localhost",
        ),
        (
            "asgi://shop.app:app/tickets/",
            Address("asgi", base="/tickets", app="shop.app:app"),
            "asgi://shop.app:app/tickets",
            "localhost",
        ),
    ],
)
def test_address(text: str, address: Address, canonical: str, authority: str) -> None:
    assert parse_address(text) == address
    assert str(address) == canonical
    assert address.authority == authority
    assert parse_address(canonical) == address


@pytest.mark.parametrize(
    "written",
    [
        "a:80", "a", "ftp://a", "http://", "http://a:", "http://a:0", "http://a:99999", "http://a b", "http://a/b c",
        "http://a/?x", "http://a#x", "http://u:p@a", "http://a/../b", "http://a/%zz", "http://é", "http://a..b",
        "http://[::1", "http://::1", "asgi://app", "asgi://a.b:", "asgi://a-b:app", "asgi://a:b/../c",
        "unix:", "", 3, None, ["http://a"],
    ],
)  # fmt: skip
def test_no_address(written: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_address(written)


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_address("http://user:hunter2@a")
    assert "hunter2" not in str(refused.value)
