"""Web origins as CORS compares them: scheme, host and port (RFC 6454 section 6.2), `*` for any, or whole labels of one.

`null` is never one: sandboxed frames and local files all share it, so allowing it would allow everybody.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from portico.config.values.forms import Form
from portico.config.values.refusal import refuse

ANY_ORIGIN = "*"
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?\Z",
    re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# Top levels that belong to whoever runs the network (RFC 6761, RFC 8375 and their like).
_PRIVATE = frozenset({"localhost", "test", "internal", "local"})
_HOW = 'write an origin such as https://app.example.com, https://*.example.com or "*"'


def origin(value: object) -> str:
    """An origin, or a pattern of origins. Raises a ``refuse`` error for anything else."""
    if not isinstance(value, str) or not value.strip():
        raise refuse("{written} is no origin", value, _HOW)
    if value == ANY_ORIGIN:
        return value
    if value == "null":
        raise refuse("{written} is the origin of every sandboxed page, and so allows everybody", value)
    found = _ORIGIN.match(value)
    if found is None:
        raise refuse("{written} is no origin", value, _remedy(value))
    if ".." in found["host"]:
        raise refuse("{written} is no origin", value, _HOW)
    if found["port"] is not None and _DEFAULT_PORTS.get(found["scheme"]) == found["port"]:
        meant = value.removesuffix(f":{found['port']}")
        raise refuse("{written} has the port that browsers leave out", value, f"write {meant}")
    behind = found["host"].removeprefix("*.")
    if behind != found["host"] and "." not in behind and behind not in _PRIVATE:
        raise refuse("{written} allows every site of a top-level domain", value)
    return value


def _remedy(value: str) -> str:
    bare = re.match(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#]+)[/?#]", value)
    if bare and _ORIGIN.match(bare[1].lower()):
        return f"write {bare[1].lower()}, without a path"
    if _ORIGIN.match(value.lower()):
        return f"write {value.lower()}"
    if _ORIGIN.match(f"https://{value.lower()}"):
        return f"write https://{value.lower()}"
    if "*" in value:
        return "* stands for whole labels at the beginning of a host: https://*.example.com"
    return _HOW


def _listed(value: object) -> object:
    """One, several, or several in one text with commas, as environment variables have them."""
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        return [part for part in parts if part] or value
    return value


def _listed_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "minLength": 1}, schema]}


_Origin = Annotated[
    str,
    PlainValidator(origin),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "examples": ["https://app.example.com", "https://*.example.com"]}
    ),
]

Origins = Annotated[tuple[_Origin, ...], Form(_listed, _listed_schema)]
"""Origins, as a list or in one text with commas between them."""
