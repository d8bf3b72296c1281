"""Structured field values (RFC 9651), read and written by http-sf, with one rule more: nothing occurs twice.

The RFC lets the last of two members win. Where a field says what is signed, two readers could then see two messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import http_sf

Parameters = Mapping[str, Any]
Member = tuple[Any, Parameters]
"""An item, or the items of an inner list, with parameters."""

# The types of fields that are younger than what http-sf knows by name (RFC 9651 appendix A).
_TYPES = {
    "content-digest": "dictionary",
    "repr-digest": "dictionary",
    "signature": "dictionary",
    "signature-input": "dictionary",
    "priority": "dictionary",
}

VALUE_BYTES = 8 * 1024  # a longer one is refused unread


class StructureError(ValueError):
    """A field's value is not what it should be. The message is for the log and quotes nothing."""


def dictionary(values: Iterable[bytes]) -> dict[str, Member]:
    """The members of a Dictionary that may be spread over several fields. Raises StructureError."""
    found = _parsed(values, "", "dictionary")
    if not isinstance(found, dict):
        raise StructureError("is no dictionary")
    return found


def strict(values: Iterable[bytes], name: str) -> str:
    """The value of the field `name` in its one serialised form. Raises StructureError where its type is not known."""
    return _written(_parsed(values, name, _TYPES.get(name)))


def item(value: Any, parameters: Parameters) -> str:
    """An item as it is written. Raises StructureError for what no item can hold."""
    return _written((value, dict(parameters)))


def inner_list(items: Iterable[Member], parameters: Parameters) -> str:
    """An inner list as it is written."""
    whole = _written({"l": ([(value, dict(more)) for value, more in items], dict(parameters))})
    return whole.removeprefix("l=")


def _parsed(values: Iterable[bytes], name: str, kind: str | None) -> Any:
    joined = b", ".join(values)
    if len(joined) > VALUE_BYTES:
        raise StructureError(f"is longer than {VALUE_BYTES} bytes")
    try:
        return http_sf.parse(joined, name=name, tltype=kind, on_duplicate_key=_twice)
    except StructureError:
        raise
    except KeyError:
        raise StructureError("is of a type that is not known here") from None
    except (http_sf.StructuredFieldError, ValueError, RecursionError):
        raise StructureError("is not well structured") from None


def _written(structure: Any) -> str:
    try:
        return http_sf.ser(structure)
    except (http_sf.StructuredFieldError, ValueError, TypeError):
        raise StructureError("holds what no structured field can say") from None


def _twice(key: str, place: str) -> None:
    raise StructureError(f"says something twice in one {place}")
