"""Each kind of value: what it becomes, what it refuses, and that its schema agrees."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network
from typing import Annotated, Any

import jsonschema_rs
import pytest
from pydantic import TypeAdapter, ValidationError

from portico.config import values
from portico.config.substitution import Variable
from portico.config.values import (
    AtLeastOne,
    Cidr,
    Count,
    Distinct,
    Duration,
    Flag,
    HeaderName,
    HeaderPattern,
    Maybe,
    Name,
    OneOrMany,
    OrOff,
    Percentage,
    Positive,
    PositiveDuration,
    PositiveSize,
    Size,
    StatusRanges,
    Template,
    Text,
    Whole,
)

DurationOrOff = OrOff[Duration]
MaybeText = Maybe[Text]


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


GOOD: list[tuple[Any, object, object]] = [
    (Duration, "250ms", 0.25),
    (Duration, "10s", 10.0),
    (Duration, "1.5m", 90.0),
    (Duration, "24h", 86_400.0),
    (Duration, "7d", 604_800.0),
    (Duration, "0s", 0.0),
    (PositiveDuration, "1ms", 0.001),
    (Size, "10MiB", 10_485_760),
    (Size, "32KiB", 32_768),
    (Size, "1GB", 1_000_000_000),
    (Size, "1kB", 1000),
    (Size, "0.5MiB", 524_288),
    (Size, "7B", 7),
    (Size, 1024, 1024),
    (Size, 0, 0),
    (PositiveSize, 1, 1),
    (Percentage, "50%", 0.5),
    (Percentage, "0%", 0.0),
    (Percentage, "100%", 1.0),
    (Percentage, "12.5%", 0.125),
    (Whole, -3, -3),
    (Positive, 1, 1),
    (Count, 0, 0),
    (Flag, True, True),
    (Text, "x", "x"),
    (Name, "tickets-2.eu", "tickets-2.eu"),
    (HeaderName, "X-Request-ID", "x-request-id"),
    (HeaderPattern, "Stripe-*", "stripe-*"),
    (Cidr, "10.0.0.0/8", ip_network("10.0.0.0/8")),
    (Cidr, "::1", ip_network("::1/128")),
    (StatusRanges, ["500-502", 429], frozenset({500, 501, 502, 429})),
    (StatusRanges, 503, frozenset({503})),
    (StatusRanges, [], frozenset()),
    (OneOrMany[Text], "a", ("a",)),
    (OneOrMany[Text], ["a", "b"], ("a", "b")),
    (OneOrMany[Text], [], ()),
    (AtLeastOne[Text], "a", ("a",)),
    (DurationOrOff, "off", None),
    (DurationOrOff, False, None),
    (DurationOrOff, "3s", 3.0),
    (MaybeText, "a", "a"),
]


@pytest.mark.parametrize(("kind", "written", "value"), GOOD)
def test_becomes(kind: Any, written: object, value: object) -> None:
    found = adapter(kind).validate_python(written)
    assert found == value
    assert type(found) is type(value)
    assert jsonschema_rs.is_valid(adapter(kind).json_schema(), written)


BAD: list[tuple[Any, object, str, str]] = [
    (Duration, 10, "10 has no unit", "write 10s for seconds or 10ms for milliseconds"),
    (Duration, 1.5, "1.5 has no unit", "write 1.5s for seconds or 1.5ms for milliseconds"),
    (Duration, "10", '"10" is no duration', "write a number with ms, s, m, h or d, such as 10s"),
    (Duration, "10 s", '"10 s" is no duration', "write 10s"),
    (Duration, "10 Minutes", '"10 Minutes" is no duration', "write 10m"),
    (Duration, "-5s", '"-5s" is no duration', "write a number with ms, s, m, h or d, such as 10s"),
    (Duration, "3650.1d", '"3650.1d" is longer than ten years', ""),
    (Duration, "9" * 400 + "d", '"' + "9" * 57 + '..." is longer than ten years', ""),
    (Duration, True, "true is no duration", "write a number with ms, s, m, h or d, such as 10s"),
    (PositiveDuration, "0ms", 'must be longer than "0ms"', ""),
    (Size, "10M", '"10M" is no size', "write 10MiB"),
    (Size, "10 mb", '"10 mb" is no size', "write 10MiB"),
    (Size, "ten", '"ten" is no size', "write bytes, or a number with KiB, MiB or GiB"),
    (Size, "1.5B", '"1.5B" is not a whole number of bytes', ""),
    (Size, -1, "must not be negative", ""),
    (Size, "9999999GiB", '"9999999GiB" is larger than a pebibyte', ""),
    (Size, 10**399, "1" + "0" * 56 + "... is larger than a pebibyte", ""),
    (PositiveSize, 0, "must be larger than 0", ""),
    (Percentage, 0.5, "0.5 is no percentage", "write 50%"),
    (Percentage, 50, "50 is no percentage", "write 50%"),
    (Percentage, 500, "500 is no percentage", "write a number with a percent sign, such as 50%"),
    (Percentage, "101%", '"101%" is more than 100%', ""),
    (Text, "", "must not be empty", ""),
    (Text, "  ", "must not be empty", ""),
    (Name, "none", 'the name "none" is reserved', "choose another"),
    (HeaderName, "X Request", '"X Request" is no header name', "write X-Request"),
    (HeaderName, "X-Request:", '"X-Request:" is no header name', "write X-Request"),
    (HeaderName, "", '"" is no header name', "write a name such as X-Request-ID"),
    (HeaderPattern, "*", '"*" would fit every header', ""),
    (Cidr, "10.0.0.1/8", '"10.0.0.1/8" has bits set behind its prefix', "write 10.0.0.0/8"),
    (StatusRanges, ["5xx"], '"5xx" is no status', "write 500-599"),
    (StatusRanges, ["599-500"], '"599-500" is outside 100-599, or ends before it begins', ""),
    (StatusRanges, [99], "99 is outside 100-599, or ends before it begins", ""),
    (DurationOrOff, None, "nothing is written here", "write a value, or off"),
    (MaybeText, None, "nothing is written here", "write a value, or remove the key"),
    (AtLeastOne[Text], [], "must not be empty", ""),
]


@pytest.mark.parametrize(("kind", "written", "reason", "suggestion"), BAD)
def test_refuses(kind: Any, written: object, reason: str, suggestion: str) -> None:
    with pytest.raises(ValidationError) as refused:
        adapter(kind).validate_python(written)
    (error,) = refused.value.errors()
    assert error["type"] == values.REFUSED
    assert error["msg"] == reason
    assert error["ctx"]["suggestion"] == suggestion


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (Whole, "3"), (Whole, True), (Whole, 3.0), (Positive, 0), (Count, -1),
        (Flag, "on"), (Flag, 1), (Flag, "true"), (Text, 3), (Text, True), (Text, None),
        (OneOrMany[Text], None), (OneOrMany[Text], {}), (Name, "a b"), (Name, "-a"), (Name, "a" * 64),
        (Cidr, "localhost"), (Cidr, 10), (HeaderName, 3), (HeaderPattern, "a*b"), (Percentage, None),
        (Duration, None), (Duration, []), (Size, None), (Size, True), (StatusRanges, True),
    ],
)  # fmt: skip
def test_takes_nothing_for_something_else(kind: Any, written: object) -> None:
    with pytest.raises(ValidationError):
        adapter(kind).validate_python(written)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Whole, "3", 3),
        (Flag, "true", True),
        (Text, "3", "3"),
        (Duration, "10s", 10.0),
        (Size, "1024", 1024),
        (Percentage, "50%", 0.5),
        (StatusRanges, "503", frozenset({503})),
        (DurationOrOff, "off", None),
        (DurationOrOff, "false", None),
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_a_variable_is_read_as_what_is_wanted(kind: Any, text: str, value: object, plain: bool) -> None:
    found = adapter(kind).validate_python(Variable.of(text, plain=plain))
    assert found == value
    assert type(found) is type(value)


def test_templates_hold_what_json_holds() -> None:
    written = {
        "a": [Variable.of("3", plain=True), Variable.of("3", plain=False), None, 1.5],
        "b": {"c": True},
    }
    found = adapter(Template).validate_python(written)
    assert found == {"a": [3, "3", None, 1.5], "b": {"c": True}}
    assert type(found["a"][1]) is str
    with pytest.raises(ValidationError):
        adapter(Template).validate_python([float("nan")])


def test_distinct_names_the_item_that_is_there_twice() -> None:
    with pytest.raises(ValidationError, match='"b" is listed twice'):
        TypeAdapter(Annotated[OneOrMany[Text], Distinct]).validate_python(["a", "b", "b"])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "duration", "250ms"),
        (10.0, "duration", "10s"),
        (300.0, "duration", "5m"),
        (86_400.0, "duration", "1d"),
        (0.0, "duration", "0s"),
        (1.5, "duration", "1500ms"),
        (32 << 10, "size", "32KiB"),
        (10 << 20, "size", "10MiB"),
        (1 << 30, "size", "1GiB"),
        (1000, "size", 1000),
        (0, "size", 0),
        (0.5, "percentage", "50%"),
    ],
)
def test_writes_a_number_as_people_do(value: float, unit: str, text: object) -> None:
    assert values.write(value, unit) == text
