"""Which metadata is acted on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from portico.config.remotes import parse_remote
from portico.identity.discovery import MetadataRefusedError, key_location, places

ISSUER = "https://issuer.example/tenant"


def metadata(**members: Any) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": "https://keys.example/jwks?v=1", **members}).encode()


def test_both_places_are_asked_with_the_path_where_it_belongs() -> None:
    assert places(parse_remote(ISSUER)) == (
        "/tenant/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/tenant",
    )
    for root in ("https://issuer.example", "https://issuer.example/"):
        assert places(parse_remote(root)) == (
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        )


def test_keys_may_be_on_another_host() -> None:
    found = key_location(metadata(), ISSUER, plain_http=False)
    assert (found.origin, found.target) == ("https://keys.example", "/jwks?v=1")


@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", ISSUER.upper(), "https://issuer.example", "", None, [ISSUER]]
)
def test_issuer_must_be_the_same_to_the_character(issuer: Any) -> None:
    with pytest.raises(MetadataRefusedError, match="another issuer"):
        key_location(metadata(issuer=issuer), ISSUER, plain_http=False)


@pytest.mark.parametrize(
    "location",
    [
        None,
        7,
        "",
        "/jwks",
        "file:///etc/passwd",
        "https://",
        "https://u:p@h/",
        "https://h/#f",
        "https://h/ x",
    ],
)
def test_jwks_uri_must_be_a_url(location: Any) -> None:
    with pytest.raises(MetadataRefusedError, match="no jwks_uri"):
        key_location(metadata(jwks_uri=location), ISSUER, plain_http=False)


def test_plain_http_is_for_this_machine_unless_it_is_meant() -> None:
    with pytest.raises(MetadataRefusedError, match="plain http"):
        key_location(metadata(jwks_uri="http://keys.example/"), ISSUER, plain_http=False)
    assert key_location(metadata(jwks_uri="http://keys.example/"), ISSUER, plain_http=True).target == "/"
    for host in ("127.0.0.1:81", "localhost", "[::1]"):
        assert key_location(metadata(jwks_uri=f"http://{host}/k"), ISSUER, plain_http=False).target == "/k"


@pytest.mark.parametrize("document", [b"", b"[]", b"<html>", b'{"issuer": "a", "issuer": "b"}'])
def test_what_is_no_metadata_is_refused(document: bytes) -> None:
    with pytest.raises(MetadataRefusedError):
        key_location(document, ISSUER, plain_http=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1.example", "localhost.example", "example", "10.0.0.1", "[::2]", "0.0.0.0"]
)
def test_only_loopback_is_loopback(host: str) -> None:
    assert not parse_remote(f"http://{host}/").secure


@pytest.mark.parametrize(
    "url", ["ftp://h/", "https:/h", "h", "https://h/a b", "https://h/\x00", "https://é/", 7]
)
def test_what_is_no_url_is_refused(url: Any) -> None:
    with pytest.raises(PydanticCustomError):
        parse_remote(url)
