"""The JSON Schema (draft 2020-12) of the whole language, for editors, for the reference and for ``did you mean``.

It shows the written forms: ``10s`` and not 10.0, defaults as well. Where a number or a word is wanted, a reference
such as ``${PORT:-3000}`` is allowed too. ``leaf_keys`` lists every key that can be given a value; the tests prove
each of them to have an effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaValue

from portico.config.extensions import StageAdapters
from portico.config.marks import Path
from portico.config.models.settings import Settings

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {
    "type": "string",
    "pattern": r"\$\{[^}]+\}",
    "description": "A reference such as ${NAME} or ${NAME:-default}.",
}
_HAS_STAGES = ("RouteSettings", "DefaultSettings")


def build_schema(stages: StageAdapters) -> dict[str, Any]:
    """The schema of a configuration file, with the keys of these stages."""
    mode: Literal["validation"] = "validation"
    inputs = [("", mode, TypeAdapter(Settings)), *((key, mode, adapter) for key, adapter in stages.items())]
    schemas, shared = TypeAdapter.json_schemas(inputs)
    definitions: dict[str, Any] = shared.get("$defs", {})
    root = schemas[("", mode)]
    top: dict[str, Any] = _resolve(root, definitions)
    for name in _HAS_STAGES:
        properties = definitions[name]["properties"]
        del properties["stages"]
        for key in sorted(stages):
            properties[key] = schemas[(key, mode)]
    return {"$schema": _DIALECT, "title": "Portico", **top, "$defs": definitions}


def _resolve(schema: JsonSchemaValue, definitions: dict[str, Any]) -> JsonSchemaValue:
    while "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **rest}
    return schema


def keys_at(schema: dict[str, Any], path: Path) -> frozenset[str]:
    """The keys that may stand at ``path``."""
    definitions = schema["$defs"]
    found = [schema]
    for step in path:
        found = [below for form in found for below in _below(form, step, definitions)]
    return frozenset(
        key for form in found for choice in _forms(form, definitions) for key in choice.get("properties", ())
    )


def _forms(schema: Any, definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The alternatives that a schema consists of."""
    if not isinstance(schema, dict):
        return
    resolved = _resolve(schema, definitions)
    choices = [*resolved.get("anyOf", ()), *resolved.get("oneOf", ()), *resolved.get("allOf", ())]
    if "properties" in resolved or not choices:
        yield resolved
    for choice in choices:
        yield from _forms(choice, definitions)


def _below(schema: Any, step: str | int, definitions: dict[str, Any]) -> Iterable[Any]:
    for form in _forms(schema, definitions):
        if isinstance(step, int):
            if "items" in form:
                yield form["items"]
        elif step in form.get("properties", {}):
            yield form["properties"][step]
        else:
            yield from _values(form)


def _values(form: dict[str, Any]) -> Iterator[Any]:
    """The schemas of the values of a mapping whose keys are free."""
    yield from form.get("patternProperties", {}).values()
    if isinstance(form.get("additionalProperties"), dict):
        yield form["additionalProperties"]
