"""The kinds of value that the configuration language has, for our own settings and for those of plug-in stages.

Each is an ``Annotated`` type: what a person writes is checked and turned into what code wants (seconds, bytes, a
fraction), the error says what would be right, and the JSON Schema shows editors the written form. Numbers without a
unit are refused wherever a unit is possible.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from portico.config.problems import quote
from portico.config.substitution import Variable, typed

T = TypeVar("T")

REFUSED: Final = "refused"
"""The type of the errors that ``refuse`` makes."""

_LONGEST_S = 3650 * 86_400.0
_LARGEST_BYTES = 1 << 50


def refuse(reason: str, written: object, suggestion: str = "") -> PydanticCustomError:
    """The error to raise from a validator.

    ``{written}`` in ``reason`` stands for the value. Leave it to this placeholder to show the value: it is shown as
    ``${NAME}`` if it came from a variable or a secret file.
    """
    context = {"written": quote(written), "suggestion": suggestion, "reason": reason}
    return PydanticCustomError(REFUSED, reason, context)


# --- numbers, truth values and text -----------------------------------------------------------------------------

Whole = Annotated[int, Strict(), BeforeValidator(typed)]
"""A whole number."""

Flag = Annotated[bool, Strict(), BeforeValidator(typed)]
"""``true`` or ``false``."""


def _text(value: object) -> object:
    if isinstance(value, str) and (not value.strip() or "\x00" in value):
        raise refuse("must not be empty", value)
    return str(value) if isinstance(value, Variable) else value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
"""Text with something in it."""

# --- durations, sizes, percentages ------------------------------------------------------------------------------

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)\Z", re.ASCII)
_LOOSE_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\.?\Z", re.ASCII | re.IGNORECASE)
_LOOSE_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}


def duration(value: object) -> float:
    """``10s`` → 10.0. Raises a ``refuse`` error for anything that is no duration."""
    value = typed(value)
    found = _DURATION.match(value) if isinstance(value, str) else None
    if found:
        seconds = float(found[1]) * _SECONDS[found[2]]
        if seconds > _LONGEST_S:
            raise refuse("{written} is longer than ten years", value)
        return seconds
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise refuse(
            "{written} has no unit", value, f"write {value}s for seconds or {value}ms for milliseconds"
        )
    loose = _LOOSE_DURATION.match(value.strip()) if isinstance(value, str) else None
    unit = _LOOSE_UNITS.get(loose[2].lower()) if loose else None
    remedy = (
        f"write {loose[1]}{unit}" if loose and unit else "write a number with ms, s, m, h or d, such as 10s"
    )
    raise refuse("{written} is no duration", value, remedy)


def _positive_duration(value: object) -> float:
    seconds = duration(value)
    if not seconds:
        raise refuse("must be longer than {written}", value)
    return seconds


_DURATION_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": _DURATION_PATTERN,
    "examples": ["250ms", "10s", "5m", "24h", "7d"],
    "x-unit": "duration",
}

Duration = Annotated[float, PlainValidator(duration), WithJsonSchema(_DURATION_SCHEMA)]
"""``250ms``, ``10s``, ``5m``, ``24h``, ``7d`` → seconds; zero is allowed."""

PositiveDuration = Annotated[float, PlainValidator(_positive_duration), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration longer than zero."""

_BYTES = {
    "": 1,
    "B": 1,
    "kB": 1_000,
    "KB": 1_000,
    "MB": 1_000**2,
    "GB": 1_000**3,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(B|kB|KB|MB|GB|KiB|MiB|GiB)\Z", re.ASCII)
_LOOSE_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg])(i?)(?:b|bytes?)?\Z", re.ASCII | re.IGNORECASE)


def size(value: object) -> int:
    """``10MiB`` → 10485760; a plain whole number is bytes. Raises a ``refuse`` error for anything else."""
    value = typed(value)
    if isinstance(value, int) and not isinstance(value, bool):
        number: float = value
    else:
        found = _SIZE.match(value) if isinstance(value, str) else None
        if not found:
            loose = _LOOSE_SIZE.match(value.strip()) if isinstance(value, str) else None
            remedy = (
                f"write {loose[1]}{loose[2].upper()}iB"
                if loose
                else "write bytes, or a number with KiB, MiB or GiB"
            )
            raise refuse("{written} is no size", value, remedy)
        number = float(found[1]) * _BYTES[found[2]]
    if number < 0:
        raise refuse("must not be negative", value)
    if number > _LARGEST_BYTES:
        raise refuse("{written} is larger than a pebibyte", value)
    if number != int(number):
        raise refuse("{written} is not a whole number of bytes", value)
    return int(number)


def _positive_size(value: object) -> int:
    number = size(value)
    if not number:
        raise refuse("must be larger than {written}", value)
    return number


_SIZE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|kB|KB|MB|GB|KiB|MiB|GiB)$"},
        {"type": "integer", "minimum": 0},
    ],
    "examples": ["32KiB", "10MiB", 1048576],
    "x-unit": "size",
}

Size = Annotated[int, PlainValidator(size), WithJsonSchema(_SIZE_SCHEMA)]
"""``32KiB``, ``10MiB``, ``1GB`` or a number of bytes → bytes; zero is allowed."""

PositiveSize = Annotated[int, PlainValidator(_positive_size), WithJsonSchema(_SIZE_SCHEMA)]
"""A size larger than zero."""

_PERCENTAGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)%\Z", re.ASCII)


def percentage(value: object) -> float:
    """``50%`` → 0.5. Raises a ``refuse`` error for anything that is no percentage."""
    value = typed(value)
    found = _PERCENTAGE.match(value) if isinstance(value, str) else None
    if found:
        fraction = float(found[1]) / 100
        if fraction > 1:
            raise refuse("{written} is more than 100%", value)
        return fraction
    remedy = "write a number with a percent sign, such as 50%"
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        remedy = f"write {value * 100 if value <= 1 else value:g}%"
    raise refuse("{written} is no percentage", value, remedy)


Percentage = Annotated[
    float,
    PlainValidator(percentage),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$", "examples": ["50%"], "x-unit": "percentage"}
    ),
]
"""``50%`` → 0.5."""

# --- one or many, off, and "may be left out" --------------------------------------------------------------------


class Form:
    """A rewriting of the written form before the inner type sees it, and the schema that goes with it."""

    def __init__(
        self,
        rewrite: Callable[[object], object],
        schema: Callable[[JsonSchemaValue], JsonSchemaValue],
    ) -> None:
        self._rewrite = rewrite
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._rewrite, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self._schema(handler(schema))


def _without_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if "anyOf" not in schema or len(choices) == len(schema["anyOf"]):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}


def _off(value: object) -> object:
    if value is None:
        raise refuse("nothing is written here", value, "write a value, or off")
    return None if (meant := typed(value)) is False or meant == "off" else value


def _off_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [_without_null(schema), {"enum": ["off", False]}]}


OrOff = Annotated[T | None, Form(_off, _off_schema)]
"""``OrOff[X]``: an X, or ``off``, which becomes None. An empty value is neither."""


def _written(value: object) -> object:
    if value is None:
        raise refuse("nothing is written here", value, "write a value, or remove the key")
    return value


Maybe = Annotated[T | None, Form(_written, _without_null)]
"""``Maybe[X]``: None if the key is left out, else an X. A key with nothing behind it is refused."""


def _many(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _many_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema["items"], schema]} if "items" in schema else schema


OneOrMany = Annotated[tuple[T, ...], Form(_many, _many_schema)]
"""``OneOrMany[X]``: ``x`` or ``[x, y]`` → a tuple."""


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise refuse("{written} is listed twice", value if isinstance(value, str) else str(value))
    return values


Distinct = AfterValidator(_distinct)
"""``Annotated[OneOrMany[X], Distinct]``: no item twice."""

# --- names ------------------------------------------------------------------------------------------------------

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


def header_name(value: object) -> str:
    """A field name (RFC 9110 §5.1) in lower case. Raises a ``refuse`` error for anything else."""
    if isinstance(value, str):
        if _TOKEN.match(value):
            return value.lower()
        trimmed = value.strip().rstrip(":").replace(" ", "-")
        if _TOKEN.match(trimmed):
            raise refuse("{written} is no header name", value, f"write {trimmed}")
    raise refuse("{written} is no header name", value, "write a name such as X-Request-ID")


HeaderName = Annotated[
    str,
    PlainValidator(header_name),
    WithJsonSchema(
        {"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "examples": ["X-Request-ID"]}
    ),
]
"""A header's name → lower case."""


def _header_pattern(value: object) -> str:
    if isinstance(value, str) and "*" in value[:-1]:
        raise refuse(
            "{written} has a * that is not at its end", value, "only a prefix can be given: x-internal-*"
        )
    name = header_name(value)
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

# --- networks, statuses, templates ------------------------------------------------------------------------------

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
