"""pydantic's errors in the words of a person who wrote a YAML file.

Decides reason and remedy for each kind of error. ``{written}`` is left in the text for the collector, which knows
whether the value may be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from portico.config.problems import did_you_mean
from portico.config.scalars import resolve
from portico.config.values import REFUSED


@dataclass(frozen=True, slots=True)
class Wording:
    """What to say about an error.

    ``shown``: what ``{written}`` stands for if the value may be shown, unless it is the value. ``on_key``: it is the
    key that is wrong. ``foreign``: not our own words.
    """

    reason: str
    suggestion: str = ""
    shown: str = ""
    on_key: bool = False
    foreign: bool = False


_ENDING = ", not {written}"
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
}
_BOUNDS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}
_TRUTH = {"on": "true", "yes": "true", "off": "false", "no": "false"}


def word(error: ErrorDetails, keys: Callable[[], Iterable[str]]) -> Wording:
    """Say what is wrong. ``keys`` gives the keys that would be known where an unknown one stands."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == REFUSED:
        return Wording(context["reason"], context["suggestion"], context["written"])
    if kind == "missing":
        return Wording("required but missing")
    if kind == "extra_forbidden":
        return unknown_key(error["loc"][-1], keys())
    if kind in _KINDS:
        return Wording(f"must be {_KINDS[kind]}{_ENDING}", _remedy(kind, value))
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", context["expected"]) or [str(context["expected"])]
        expected = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
        return Wording(f"must be {expected}{_ENDING}", did_you_mean(value, choices))
    if kind in _BOUNDS:
        return Wording(_BOUNDS[kind].format(**context) + _ENDING)
    if kind in ("too_short", "string_too_short"):
        least = context["min_length"]
        return Wording("must not be empty" if least == 1 else f"must have at least {least} parts")
    if kind == "value_error":
        return Wording(str(context["error"]), foreign=True)
    message = error["msg"]
    return Wording(message[:1].lower() + message[1:], foreign=True)


def unknown_key(name: object, known: Iterable[str]) -> Wording:
    """What to say about a key that nothing reads."""
    names = sorted(known)
    remedy = did_you_mean(name, names)
    if not remedy and 0 < len(names) <= 12:
        remedy = f"known are {', '.join(names)}"
    return Wording(f'unknown key "{name}"', remedy, on_key=True)


def _remedy(kind: str, value: Any) -> str:
    if value is None:
        return "write a value, or remove the key"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotes"
    if kind.startswith("bool") and isinstance(value, str):
        truth = _TRUTH.get(value.lower())
        return f"write {truth}" if truth else ""
    if kind.startswith(("int", "float")) and isinstance(value, str):
        return "remove the quotes" if _is_number(value) else ""
    if kind in ("list_type", "tuple_type") and isinstance(value, str):
        return "put it in brackets: [{written}]"
    return ""


def _is_number(text: str) -> bool:
    try:
        return type(resolve(text)) in (int, float)
    except ValueError:
        return False
