"""Durations, sizes and percentages: always with their unit. A bare number is refused where a unit is possible."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from portico.config.substitution import typed
from portico.config.values.refusal import refuse

_LONGEST_S = 3650 * 86_400.0
_LARGEST_BYTES = 1 << 50

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

_WRITTEN_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN_BYTES = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}


def write(value: float, unit: str) -> str | float:
    """A number as a person would write it, by the ``x-unit`` of its schema: 300.0 seconds → ``5m``."""
    if unit == "percentage":
        return f"{value * 100:g}%"
    if unit == "duration" and value % 1:
        return f"{value * 1000:g}ms"
    for name, worth in (_WRITTEN_SECONDS if unit == "duration" else _WRITTEN_BYTES).items():
        if value and value % worth == 0:
            return f"{value // worth:g}{name}"
    return f"{value:g}s" if unit == "duration" else value
