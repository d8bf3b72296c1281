"""Where the gateway itself asks something of a server outside: keys of an issuer, facts about a token.

An absolute URL, https, since what it answers decides who is let in. Plain http only on this machine, unless the
configuration says that it is meant. Nothing is resolved or opened here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from portico.config.addresses import parse_address
from portico.config.values import refuse

# RFC 3986 section 3.3 and 3.4; no fragment, which never reaches a server.
_TARGET = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?\Z", re.ASCII)
_URL = re.compile(r"(https?://[^/?#]*)(.*)\Z", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Remote:
    """A URL in two parts: `origin` is what a call is made to, `target` the path and query to ask for."""

    origin: str
    target: str
    host: str

    @property
    def secure(self) -> bool:
        """Whether nobody on the way can change the answer: TLS, or this machine."""
        return self.origin.startswith("https:") or is_loopback(self.host)

    def __str__(self) -> str:
        return self.origin + self.target


def parse_remote(value: object) -> Remote:
    """Raises a ``refuse`` error for anything but an absolute http or https URL without fragment."""
    found = _URL.match(value) if isinstance(value, str) else None
    if found is None:
        raise refuse("{written} is no https:// URL", value)
    target = found[2]
    if not _TARGET.match(target):
        raise refuse("the path of {written} is not valid", value)
    address = parse_address(found[1])
    return Remote(str(address), target or "/", address.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


RemoteUrl = Annotated[
    Remote,
    PlainValidator(lambda value: value if isinstance(value, Remote) else parse_remote(value)),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^https?://[^\s#]+$",
            "examples": ["https://issuer.example/.well-known/jwks.json"],
        }
    ),
]
