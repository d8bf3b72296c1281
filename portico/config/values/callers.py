"""What tells callers apart: `ip`, `user+route`, `user|ip`, as limits count by it.

`a+b` takes both together; `a|b` takes the first that the caller has. `+` binds tighter, and no header whose name has
one of the two can be asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from portico.config.problems import did_you_mean
from portico.config.values.refusal import refuse

# Everybody has these, so that nothing is asked after them; the others a caller may lack.
_ALWAYS = frozenset({"ip", "route", "global"})
_PROVEN = frozenset({"user", "tenant"})
WORDS = _ALWAYS | _PROVEN
HEADER = "header:"
_HEADER = re.compile(r"header:[!#$%&'*\-.^_`~0-9A-Za-z]+\Z", re.ASCII)
_KNOWN = (
    "write ip, user, tenant, route, global or header:NAME, joined by + (both) or | (the first that there is)"
)


@dataclass(frozen=True, slots=True)
class CallerKey:
    """Alternatives in their order, each with the parts that it is made of. `str()` is the written form."""

    alternatives: tuple[tuple[str, ...], ...]

    @property
    def proven(self) -> bool:
        """Whether it takes to know who calls."""
        return any(part in _PROVEN for parts in self.alternatives for part in parts)

    @property
    def always(self) -> bool:
        """Whether every caller has one of the alternatives, proven or not."""
        return _ALWAYS.issuperset(self.alternatives[-1])

    def __str__(self) -> str:
        return "|".join("+".join(parts) for parts in self.alternatives)


def caller_key(value: object) -> CallerKey:
    """`user|ip` → its parts. Raises a ``refuse`` error for anything else."""
    if isinstance(value, CallerKey):
        return value
    if not isinstance(value, str) or not value:
        raise refuse("{written} is nothing to tell callers apart by", value, _KNOWN)
    alternatives = tuple(
        tuple(_part(part.strip()) for part in choice.split("+")) for choice in value.split("|")
    )
    for index, parts in enumerate(alternatives):
        if len(set(parts)) < len(parts):
            raise refuse("{written} names something twice", value)
        if "global" in parts and len(parts) > 1:
            raise refuse("in {written}, global stands for everybody together", value, "write it alone")
        if index + 1 < len(alternatives) and _ALWAYS.issuperset(parts):
            raise refuse(
                f"in {{written}}, every caller has {'+'.join(parts)}, so what follows is never asked",
                value,
                "put it last",
            )
    if len(set(alternatives)) < len(alternatives):
        raise refuse("{written} names something twice", value)
    return CallerKey(alternatives)


def _part(part: str) -> str:
    if part in WORDS:
        return part
    if part.startswith(HEADER):
        if _HEADER.match(part):
            return part.lower()
        raise refuse("{written} names no header", part, "write header:X-Name")
    if part.lower().startswith("header"):
        raise refuse("{written} names no header", part, "write header:X-Name")
    raise refuse("{written} is nothing to tell callers apart by", part, did_you_mean(part, WORDS) or _KNOWN)


Caller = Annotated[
    CallerKey,
    PlainValidator(caller_key),
    WithJsonSchema(
        {"type": "string", "minLength": 2, "examples": ["ip", "user|ip", "user+route", "header:X-Client"]}
    ),
]
"""``ip``, ``user+route``, ``user|ip`` → what tells callers apart."""
