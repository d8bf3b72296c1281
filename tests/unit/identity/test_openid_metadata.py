"""Where a provider's metadata may send browsers and the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portico.identity.discovery import MetadataRefusedError
from portico.identity.openid_metadata import Metadata, read_metadata

SAID: dict[str, Any] = {
    "authorization_endpoint": "https://login.test/authorize?realm=a",
    "token_endpoint": "https://api.test/token",
}


def metadata(*, plain_http: bool = False, userinfo: bool = False, **more: Any) -> Metadata:
    return read_metadata(json.dumps({**SAID, **more}).encode(), plain_http=plain_http, userinfo=userinfo)


def test_what_it_must_say_is_enough() -> None:
    found = metadata()
    assert str(found.authorization) == "https://login.test/authorize?realm=a"
    assert (found.token.origin, found.token.target) == ("https://api.test", "/token")
    assert (found.userinfo, found.end_session, found.names_itself) == (None, None, False)
    assert metadata(authorization_response_iss_parameter_supported=True).names_itself
    assert not metadata(authorization_response_iss_parameter_supported="true").names_itself


@pytest.mark.parametrize("name", ["authorization", "token", "userinfo", "end_session"])
@pytest.mark.parametrize(
    "place", ["http://login.test/", "ftp://login.test/", "/here", "", 7, ["https://a.test"]]
)
def test_places_that_are_none(name: str, place: Any) -> None:
    with pytest.raises(MetadataRefusedError, match=name):
        metadata(**{f"{name}_endpoint": place})


def test_plain_http_on_this_machine_or_where_it_is_meant() -> None:
    assert metadata(token_endpoint="http://127.0.0.1:9/token").token.secure
    assert not metadata(token_endpoint="http://login.test/token", plain_http=True).token.secure


@pytest.mark.parametrize("missing", list(SAID))
def test_without_one_of_these_nobody_can_sign_in(missing: str) -> None:
    with pytest.raises(MetadataRefusedError, match="lacks"):
        read_metadata(json.dumps({**SAID, missing: None}).encode(), plain_http=False, userinfo=False)


def test_userinfo_is_needed_where_it_is_asked() -> None:
    with pytest.raises(MetadataRefusedError, match="userinfo"):
        metadata(userinfo=True)
    assert metadata(userinfo=True, userinfo_endpoint="https://api.test/me").userinfo is not None
