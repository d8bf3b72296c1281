"""Names that point to something declared elsewhere in the same file: a service, an identity, a role.

They are checked where they are written, in our settings and in those of any stage, against the names that the loader
hands in as validation context. Without a context (a model built by hand) only the form is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from portico.config.problems import did_you_mean
from portico.config.values import refuse

Declared = Mapping[str, frozenset[str]]
"""The names declared in a file, by kind: ``service``, ``identity``, ``role``."""


def _reference(kind: str) -> Callable[[object, ValidationInfo], str]:
    def check(value: object, info: ValidationInfo) -> str:
        if not isinstance(value, str) or not value:
            raise refuse(f"must be the name of a declared {kind}, not {{written}}", value)
        declared: Declared | None = info.context
        if declared is not None and value not in declared[kind]:
            known = declared[kind]
            remedy = did_you_mean(value, known) or (
                f"declared are {', '.join(sorted(known))}"
                if 0 < len(known) <= 8
                else f"declare it under {_SECTIONS[kind]}:"
            )
            raise refuse(f"unknown {kind} {{written}}", value, remedy)
        return value

    return check


_SECTIONS = {"service": "services", "identity": "identity", "role": "roles"}


def _kind(kind: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": f"The name of a declared {kind}."}


ServiceName = Annotated[str, PlainValidator(_reference("service")), WithJsonSchema(_kind("service"))]
"""The name of an entry under ``services:``."""

IdentityName = Annotated[str, PlainValidator(_reference("identity")), WithJsonSchema(_kind("identity"))]
"""The name of an entry under ``identity:``."""

RoleName = Annotated[str, PlainValidator(_reference("role")), WithJsonSchema(_kind("role"))]
"""The name of an entry under ``roles:``."""


def declared_in(tree: Mapping[str, Any]) -> Declared:
    """The names that a tree declares, also those of entries that are wrong otherwise."""
    return {
        kind: frozenset(section) if isinstance(section := tree.get(name), dict) else frozenset()
        for kind, name in _SECTIONS.items()
    }
