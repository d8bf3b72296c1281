"""Addresses as people write them: where the gateway listens, and where an instance of a service is.

Nothing is resolved or opened here. URLs follow RFC 3986 without user information, query and fragment: a password in
a URL ends up in logs, and the others would be lost on the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated, Literal

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from portico.config.values import refuse

# sun_path holds 108 bytes with its terminating NUL (unix(7)); other systems allow 104.
LONGEST_SOCKET_PATH = 103

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?\Z", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z", re.ASCII)
_BASE = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listen:
    """An address that the gateway binds: ``host`` (empty: every interface) and ``port``, or a Unix socket's path."""

    host: str = ""
    port: int = 0
    unix: str = ""

    def __str__(self) -> str:
        if self.unix:
            return f"unix:{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Scheme = Literal["http", "https", "unix", "asgi"]


@dataclass(frozen=True, slots=True)
class Address:
    """One instance of a service.

    ``host`` and ``port`` for http and https; ``socket`` for a Unix socket; ``app`` (``package.module:attribute``) for
    an application that runs as a child of the gateway. ``base`` is put before every forwarded path and has no slash at
    its end; services with one application and a base each share its process.
    """

    scheme: Scheme
    host: str = ""
    port: int = 0
    base: str = ""
    socket: str = ""
    app: str = ""

    @property
    def authority(self) -> str:
        """What the ``Host`` field says of this instance: without the scheme's own port."""
        if self.scheme in ("unix", "asgi"):
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The canonical URL; equal for equal instances."""
        if self.scheme == "unix":
            return f"unix:{self.socket}"
        if self.scheme == "asgi":
            return f"asgi://{self.app}{self.base}"
        return f"{self.scheme}://{self.authority}{self.base}"


_PORTS = {"http": 80, "https": 443}


def parse_listen(value: object) -> Listen:
    """``:3000``, ``127.0.0.1:3000``, ``[::1]:3000`` or ``unix:/path``. Raises a ``refuse`` error for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise refuse("{written} is no address", value, f'write ":{value}"')
    if not isinstance(value, str):
        raise refuse("{written} is no address", value, 'write ":3000", "127.0.0.1:3000" or "unix:/path"')
    if value.startswith("unix:"):
        return Listen(unix=_socket(value))
    host, colon, port = value.rpartition(":")
    if not colon:
        remedy = f'write ":{value}"' if value.isdigit() else f'write "{value}:3000"'
        raise refuse("{written} has no port", value, remedy)
    if "//" in host:
        raise refuse(
            "{written} is a URL", value, f'write the address alone: "{value.partition("//")[2].rstrip("/")}"'
        )
    if host in ("", "*"):
        return Listen(port=_port(port, value, lowest=0))
    return Listen(_host(host, value), _port(port, value, lowest=0))


def parse_address(value: object) -> Address:
    """``http://host:port/base``, ``https://…``, ``unix:/path`` or ``asgi://package.module:app``.

    Raises a ``refuse`` error for anything else.
    """
    if not isinstance(value, str):
        raise refuse("{written} is no URL", value, "write a URL such as http://127.0.0.1:3001")
    if value.startswith("unix:"):
        return Address("unix", socket=_socket(value))
    scheme, separator, rest = value.partition("://")
    if not separator:
        remedy = f"write http://{value}" if re.match(r"[\w.-]+(:\d+)?(/|$)", value) else ""
        raise refuse(
            "{written} is no URL: it has no scheme", value, remedy or "begin it with http:// or https://"
        )
    if scheme == "asgi":
        app, slash, path = rest.partition("/")
        if not _MODULE.match(app):
            raise refuse("{written} names no application", value, "write asgi://package.module:app")
        return Address("asgi", app=app, base=_base(slash + path, value))
    if scheme not in ("http", "https"):
        raise refuse(
            "the scheme of {written} is not known",
            value,
            "use http://, https://, unix:/path or asgi://package.module:app",
        )
    if "?" in rest or "#" in rest:
        raise refuse("{written} has a query or a fragment", value, "write only scheme, host, port and path")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        # Not even as it was written: it may hold a password in plain text.
        raise refuse("a URL must not hold a user name or a password: it ends up in logs", value)
    host, port = authority, str(_PORTS[scheme])
    if not authority.endswith("]") and ":" in authority:
        host, _, port = authority.rpartition(":")
    base = _base(slash + path, value)
    return Address(
        "https" if scheme == "https" else "http", _host(host, value), _port(port, value, lowest=1), base
    )


def _base(path: str, value: str) -> str:
    base = path.rstrip("/")
    if not _BASE.match(base) or any(step in (".", "..") for step in base.split("/")):
        raise refuse("the path of {written} is not valid", value)
    return base


def _socket(value: str) -> str:
    path = value.removeprefix("unix:")
    path = path.removeprefix("//") if path.startswith("///") else path
    if not path or path.endswith("/") or "\x00" in path:
        raise refuse("{written} names no socket", value, "write unix:/path/to/socket")
    if len(path.encode(errors="replace")) > LONGEST_SOCKET_PATH:
        raise refuse(
            f"the path in {{written}} is longer than the {LONGEST_SOCKET_PATH} bytes that a socket may have",
            value,
        )
    return path


def _host(host: str, value: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return IPv6Address(host[1:-1]).compressed
        except AddressValueError:
            raise refuse("{written} has no valid IPv6 address", value) from None
    if host.count(":") > 1:
        raise refuse("the IPv6 address in {written} needs brackets", value, "write [::1]:3000")
    if not host.isascii():
        raise refuse("the host of {written} is not ASCII", value, "write its xn-- form")
    if not _HOST.match(host) or ".." in host:
        raise refuse("{written} has no valid host", value)
    return host.lower()


def _port(port: str, value: str, *, lowest: int) -> int:
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and lowest <= int(port) <= 65_535):
        raise refuse(f"the port of {{written}} must be {lowest} to 65535", value)
    return int(port)


LISTEN_SCHEMA = {
    "type": "string",
    "pattern": r"^(unix:.+|.*:[0-9]{1,5})$",
    "examples": [":3000", "127.0.0.1:3000", "[::1]:3000", "unix:/run/portico.sock"],
}

ListenAddress = Annotated[
    Listen,
    PlainValidator(parse_listen),
    PlainSerializer(str),
    WithJsonSchema(LISTEN_SCHEMA),
]

ServiceAddress = Annotated[
    Address,
    PlainValidator(parse_address),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(https?://[^\s?#@]+|unix:.+|asgi://[\w.]+:[\w.]+(/[^\s?#]*)?)$",
            "examples": [
                "http://127.0.0.1:3001",
                "https://api.example.com/v1",
                "unix:/run/app.sock",
                "asgi://shop.app:app",
            ],
        }
    ),
]
