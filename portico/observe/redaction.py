"""What never stands in a log: the values of fields named like a secret, wherever they appear (requirement 12.2).

A name is compared without case, `-` and `_`, and hides what it begins or ends: `password` covers `newPassword`
and `PASSWORD_HASH`. It covers headers, nested fields, and parameters of a query, percent-encoded names included.
Values are judged by their name alone: a secret in free text is not recognised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from portico.exchange.fields import Field

HIDDEN = "[redacted]"
NAMES = ("password", "authorization", "cookie", "creditCard", "cvv", "ssn", "secret", "apiKey", "token")

_DEPTH = 8
_REMEMBERED = 4096
_PARAMETER = re.compile(r"(?P<lead>[?&;])(?P<name>[^?&;=#\s\"']+)=(?P<value>[^&;#\s\"']*)")
_USERINFO = re.compile(r"(?<=//)[^/?#@\s]*@")
_PARTS = re.compile(r"[\[\].]+")


class Redaction:
    """Which names hide their values; `extra` comes from the configuration."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._names = _Names({_plain(name) for name in (*NAMES, *extra)} - {""})
        self.parameters = _Parameters(self._names)

    def hides(self, name: str) -> bool:
        """Whether a field of this name hides its value."""
        return self._names[name]

    def text(self, text: str) -> str:
        """A URL, or a text that may hold some: secret parameters and user information are hidden."""
        if "//" in text:
            text = _USERINFO.sub(HIDDEN + "@", text)
        if "=" in text:
            text = _PARAMETER.sub(self._parameter, text)
        return text

    def query_hides(self, query: bytes) -> bool:
        """Whether a query has a parameter to hide: one look-up per parameter, for the request path."""
        if 59 in query:  # some services take ";" for "&"
            query = query.replace(b";", b"&")
        parameters = self.parameters
        for pair in query.split(b"&"):  # noqa: SIM110  # a generator costs more than the look-ups
            if parameters[pair.partition(b"=")[0]]:
                return True
        return False

    def fields(self, fields: Iterable[Field]) -> dict[str, str]:
        """Header fields by name, those of one name joined (RFC 9110 section 5.3), secrets hidden."""
        shown: dict[str, str] = {}
        for raw_name, raw_value in fields:
            name = raw_name.decode("latin-1")
            value = HIDDEN if self.hides(name) else self.text(raw_value.decode("utf-8", "backslashreplace"))
            shown[name] = f"{shown[name]}, {value}" if name in shown else value
        return shown

    def value(self, value: Any, depth: int = _DEPTH) -> Any:
        """A copy of `value` that JSON can hold, secrets hidden; what lies deeper than `depth` is cut off."""
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, bytes | bytearray):
            return self.text(bytes(value).decode("utf-8", "backslashreplace"))
        if isinstance(value, Mapping):
            if depth == 0:
                return "…"
            return {
                str(name): HIDDEN if self.hides(str(name)) else self.value(item, depth - 1)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth - 1) for item in value] if depth else "…"
        return self.text(str(value))

    def _parameter(self, found: re.Match[str]) -> str:
        if self._names.hide_parameter(found["name"]):
            return f"{found['lead']}{found['name']}={HIDDEN}"
        return found[0]

    def __repr__(self) -> str:
        return f"<Redaction of {len(self._names.secret)} names>"


class _Names(dict[str, bool]):
    """Name of a field → is its value hidden? Bounded: clients choose these names."""

    __slots__ = ("secret",)

    def __init__(self, secret: set[str]) -> None:
        super().__init__()
        self.secret = tuple(secret)

    def __missing__(self, name: str) -> bool:
        plain = _plain(name)
        verdict = plain.startswith(self.secret) or plain.endswith(self.secret)
        if len(self) < _REMEMBERED:
            self[name] = verdict
        return verdict

    def hide_parameter(self, name: str) -> bool:
        """The same for the name of a query parameter as it stands in a URL: `user%5Bpassword%5D` is hidden."""
        return any(self[part] for part in _PARTS.split(unquote_plus(name)))


class _Parameters(dict[bytes, bool]):
    """Name of a query parameter → is it hidden? Bounded likewise."""

    __slots__ = ("_names",)

    def __init__(self, names: _Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: bytes) -> bool:
        verdict = self._names.hide_parameter(name.decode("latin-1"))
        if len(self) < _REMEMBERED:
            self[name] = verdict
        return verdict


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
