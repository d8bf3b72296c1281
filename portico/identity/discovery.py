"""Where an issuer says that its keys are (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).

The issuer in the document must be the configured one, character by character (RFC 8414 section 3.3): otherwise one
issuer could answer for another. `jwks_uri` may be on another host; it obeys the same rule of TLS.
"""

from __future__ import annotations

from pydantic_core import PydanticCustomError

from portico.config.remotes import Remote, parse_remote

from .encoding import from_json

_OPENID = "/.well-known/openid-configuration"
_OAUTH = "/.well-known/oauth-authorization-server"


class MetadataRefusedError(ValueError):
    """The document is not one to act on."""


def places(issuer: Remote) -> tuple[str, ...]:
    """The targets to ask at the issuer's origin, in this order.

    OpenID appends to the issuer's path, RFC 8414 puts its own between host and path.
    """
    path = issuer.target.rstrip("/")
    return (path + _OPENID, _OAUTH + path)


def key_location(document: bytes, issuer: str, *, plain_http: bool) -> Remote:
    """Where the keys are, as the metadata of `issuer` says. Raises MetadataRefusedError."""
    try:
        found = from_json(document)
    except ValueError as error:
        raise MetadataRefusedError(f"the metadata {error}") from None
    if not isinstance(found, dict):
        raise MetadataRefusedError("the metadata is no JSON object")
    if found.get("issuer") != issuer:
        raise MetadataRefusedError(f"the metadata is of another issuer than {issuer}")
    try:
        location = parse_remote(found.get("jwks_uri"))
    except PydanticCustomError:
        raise MetadataRefusedError("the metadata has no jwks_uri that is a URL") from None
    if not (location.secure or plain_http):
        raise MetadataRefusedError("the metadata's jwks_uri is plain http")
    return location
