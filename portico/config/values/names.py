"""Names that people choose, and names of header fields."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from portico.config.values.plain import Text
from portico.config.values.refusal import refuse

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
RESERVED_NAMES = frozenset({"none", "off", "any", "all"})


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.match(value):
        raise refuse(
            "{written} is no name",
            value,
            "use letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )
    if value.lower() in RESERVED_NAMES:
        raise refuse("the name {written} is reserved", value, "choose another")
    return value


Name = Annotated[
    str,
    PlainValidator(_name),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"}),
]
"""The name of a service, an identity, a role or a route."""


def header_name_as_written(value: object) -> str:
    """A field name (RFC 9110 §5.1) that others are to see as it is written. Raises a ``refuse`` error otherwise."""
    if isinstance(value, str):
        if _TOKEN.match(value):
            return str(value)
        trimmed = value.strip().rstrip(":").replace(" ", "-")
        if _TOKEN.match(trimmed):
            raise refuse("{written} is no header name", value, f"write {trimmed}")
    raise refuse("{written} is no header name", value, "write a name such as X-Request-ID")


def _header_name(value: object) -> str:
    """The same in lower case."""
    return header_name_as_written(value).lower()


HeaderName = Annotated[
    str,
    PlainValidator(_header_name),
    WithJsonSchema(
        {"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "examples": ["X-Request-ID"]}
    ),
]
"""A header's name → lower case."""


def _header_value(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise refuse("{written} cannot be sent in a header", text, "use printable ASCII on one line")
    return text.strip()


HeaderValue = Annotated[Text, AfterValidator(_header_value)]
"""A header's value (RFC 9110 section 5.5) that the gateway writes."""


def _header_pattern(value: object) -> str:
    if isinstance(value, str) and "*" in value[:-1]:
        raise refuse(
            "{written} has a * that is not at its end", value, "only a prefix can be given: x-internal-*"
        )
    name = _header_name(value)
    if name == "*":
        raise refuse("{written} would fit every header", value)
    return name


HeaderPattern = Annotated[
    str,
    PlainValidator(_header_pattern),
    WithJsonSchema(
        {"type": "string", "pattern": "^[!#$%&'+.^_`|~0-9A-Za-z-]+\\*?$", "examples": ["stripe-*", "range"]}
    ),
]
"""A header's name, or a prefix of names with ``*`` at its end → lower case."""
