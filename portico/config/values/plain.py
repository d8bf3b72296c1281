"""Numbers, truth values and text, networks, statuses, and templates."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from portico.config.substitution import Variable, typed
from portico.config.values.forms import OneOrMany
from portico.config.values.refusal import refuse

Whole = Annotated[int, Strict(), BeforeValidator(typed)]
"""A whole number."""

# Bounds stand before the validator: behind it they would not reach the JSON Schema.
Positive = Annotated[int, Strict(), Field(ge=1), BeforeValidator(typed)]
"""A whole number from 1."""

Count = Annotated[int, Strict(), Field(ge=0), BeforeValidator(typed)]
"""A whole number from 0."""

Flag = Annotated[bool, Strict(), BeforeValidator(typed)]
"""``true`` or ``false``."""


def _text(value: object) -> object:
    if isinstance(value, str) and (not value.strip() or "\x00" in value):
        raise refuse("must not be empty", value)
    return str(value) if isinstance(value, Variable) else value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
"""Text with something in it."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise refuse(
            "{written} is no network", value, 'write an address or a CIDR block such as "10.0.0.0/8"'
        )
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise refuse(
            "{written} is no network", value, 'write an address or a CIDR block such as "10.0.0.0/8"'
        ) from None
    raise refuse("{written} has bits set behind its prefix", value, f"write {meant}")


Cidr = Annotated[
    Network,
    PlainValidator(_network),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "::1"]}),
]
"""An address or a CIDR block → an ``ipaddress`` network."""

_RANGE = re.compile(r"([0-9]{3})\s*-\s*([0-9]{3})\Z", re.ASCII)


def _statuses(value: object) -> range:
    value = typed(value)
    if isinstance(value, int) and not isinstance(value, bool):
        first = last = value
    else:
        text = str(value) if isinstance(value, str) else ""
        found = _RANGE.match(text)
        if not found:
            wide = re.fullmatch(r"([1-5])(xx|XX|\*\*|00s)", text)
            remedy = (
                f"write {wide[1]}00-{wide[1]}99"
                if wide
                else "write a status such as 503 or a range such as 500-599"
            )
            raise refuse("{written} is no status", value, remedy)
        first, last = int(found[1]), int(found[2])
    if not 100 <= first <= last <= 599:
        raise refuse("{written} is outside 100-599, or ends before it begins", value)
    return range(first, last + 1)


def _merged(ranges: Iterable[range]) -> frozenset[int]:
    return frozenset(status for span in ranges for status in span)


_Statuses = Annotated[
    range,
    PlainValidator(_statuses),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5][0-9]{2}-[1-5][0-9]{2}$"},
            ]
        }
    ),
]


class _StatusRanges:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            _merged,
            handler.generate_schema(OneOrMany[_Statuses]),
            serialization=core_schema.plain_serializer_function_ser_schema(sorted),
        )


StatusRanges = Annotated[frozenset[int], _StatusRanges()]
"""``500-599`` or ``[500-599, 429]`` → the set of statuses."""


def _template(value: object) -> object:
    if isinstance(value, Variable):
        return typed(value) if value.plain else str(value)
    if isinstance(value, dict):
        return {key: _template(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_template(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse("{written} cannot be written in JSON", value)
    return value


Template = Annotated[
    Any,
    AfterValidator(_template),
    WithJsonSchema({"description": "Any JSON value; text in it may have placeholders."}),
]
"""Any value that JSON can hold."""

Host = Literal["service", "client"]
