"""Where an OpenID provider wants browsers and the gateway to go (OpenID Connect Discovery 1.0 section 3).

Whoever could change what is said at these places could sign in as anybody, or read codes: all are https, or on this
machine, unless the configuration says that plain http is meant. Whose document it is, `discovery` has judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from portico.config.remotes import Remote, parse_remote

from .discovery import MetadataRefusedError
from .encoding import from_json


@dataclass(frozen=True, slots=True)
class Metadata:
    """`userinfo` and `end_session` are None where the provider has none. `names_itself`: it says in every answer
    whose it is (RFC 9207)."""

    authorization: Remote
    token: Remote
    userinfo: Remote | None
    end_session: Remote | None
    names_itself: bool


def read_metadata(document: bytes, *, plain_http: bool, userinfo: bool) -> Metadata:
    """What the metadata of a trusted provider says; `userinfo`: it must have that. Raises MetadataRefusedError."""
    said = from_json(document)
    if not isinstance(said, dict):
        raise MetadataRefusedError("the metadata is no JSON object")
    authorization = _place(said, "authorization_endpoint", plain_http)
    token = _place(said, "token_endpoint", plain_http)
    if authorization is None or token is None:
        raise MetadataRefusedError("the metadata lacks authorization_endpoint or token_endpoint")
    asked = _place(said, "userinfo_endpoint", plain_http)
    if userinfo and asked is None:
        raise MetadataRefusedError("the metadata has no userinfo_endpoint")
    return Metadata(
        authorization,
        token,
        asked,
        _place(said, "end_session_endpoint", plain_http),
        said.get("authorization_response_iss_parameter_supported") is True,
    )


def _place(said: dict[str, Any], name: str, plain_http: bool) -> Remote | None:
    value = said.get(name)
    if value is None:
        return None
    try:
        place = parse_remote(value)
    except PydanticCustomError:
        raise MetadataRefusedError(f"the metadata's {name} is no URL") from None
    if not (place.secure or plain_http):
        raise MetadataRefusedError(f"the metadata's {name} is plain http")
    return place
