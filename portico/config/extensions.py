"""What stages add to the language: keys of routes and of ``defaults``, each with the type of its settings.

The types are handed in, since stages are built upon this package and come from other packages too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from portico.config.models.route import DefaultSettings, RouteSettings

StageTypes = Mapping[str, Any]
"""Stage key → the type of its settings: a model, or any type that pydantic can validate."""

StageAdapters = Mapping[str, TypeAdapter[Any]]
"""Stage key → the validator made from its type."""

DEFAULT_KEYS = frozenset(DefaultSettings.model_fields) - {"stages"}
ROUTE_KEYS = frozenset(RouteSettings.model_fields) - {"stages"}
"""The keys of a route that are no stage's."""


def adapters(types: StageTypes) -> dict[str, TypeAdapter[Any]]:
    """Validators for the stages' types. Raises ``ValueError`` for a key that every route has already."""
    for key in types:
        if key in ROUTE_KEYS or key == "stages":
            raise ValueError(f'a stage cannot have the key "{key}": every route has it already')
    return {key: TypeAdapter(kind) for key, kind in types.items()}
