"""Rates: so many in so much time, `5/s`, `100/min`, `1000/15min`, `10/h`; in `ms` whole seconds, as `5/60000ms`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from portico.config.substitution import typed
from portico.config.values.refusal import refuse

MOST = 1_000_000
_LONGEST_S = 31 * 86_400
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_RATE = re.compile(r"([0-9]{1,9})/(?:([0-9]{0,6})(s|min|h|d)|([0-9]{1,7})000ms)\Z", re.ASCII)
_LOOSE = re.compile(
    r"([0-9]+)\s*(?:/|per|in)\s*([0-9]*)\s*([a-z]+)\.?\Z",
    re.ASCII | re.IGNORECASE,
)
_LOOSE_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}


@dataclass(frozen=True, slots=True)
class RateValue:
    """`quota` in `window_s` seconds; `str()` is how a person writes it."""

    quota: int
    window_s: int

    def __str__(self) -> str:
        unit = next(unit for unit in ("d", "h", "min", "s") if self.window_s % _SECONDS[unit] == 0)
        count = self.window_s // _SECONDS[unit]
        return f"{self.quota}/{count if count > 1 else ''}{unit}"


def rate(value: object) -> RateValue:
    """`100/min` → 100 in 60 seconds. Raises a ``refuse`` error for anything that is no rate."""
    if isinstance(value, RateValue):
        return value
    value = typed(value)
    found = _RATE.match(value) if isinstance(value, str) else None
    if not found:
        raise refuse("{written} is no rate", value, _remedy(value))
    quota = int(found[1])
    window_s = int(found[4]) if found[4] else int(found[2] or 1) * _SECONDS[found[3]]
    if not quota:
        raise refuse("{written} lets nothing pass", value, "write at least 1")
    if quota > MOST:
        raise refuse("{written} is more than a million at once", value, "write it for a shorter time")
    if not 0 < window_s <= _LONGEST_S:
        raise refuse("the time in {written} must be from a second to 31 days", value)
    return RateValue(quota, window_s)


def _remedy(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"write {value}/s or {value}/min"
    loose = _LOOSE.match(value.strip()) if isinstance(value, str) else None
    unit = _LOOSE_UNITS.get(loose[3].lower()) if loose else None
    if loose and unit:
        return f"write {loose[1]}/{loose[2]}{unit}"
    return "write a number, / and a time in s, min, h or d, such as 100/min or 1000/15min"


Rate = Annotated[
    RateValue,
    PlainValidator(rate),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-9]+/([0-9]*(s|min|h|d)|[0-9]+000ms)$",
            "examples": ["5/s", "100/min", "1000/15min", "10/h"],
        }
    ),
]
"""``5/s``, ``100/min``, ``1000/15min``, ``10/h`` → how many in how many seconds."""
