"""The JSON Schema (draft 2020-12) of the whole language, for editors, for the reference and for ``did you mean``.

It shows the written forms: ``10s`` and not 10.0, in defaults as well. Where a number or a certain word is wanted, a
reference such as ``${PORT:-3000}`` is allowed too. ``leaf_keys`` lists every key that can be given a value; the tests
prove each of them to have an effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import TypeAdapter

from portico.config.extensions import StageAdapters
from portico.config.marks import Path
from portico.config.models.settings import Settings
from portico.config.values import write

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_HAS_STAGES = ("RouteSettings", "DefaultSettings")
_VARIABLE = "variable"
_REFERENCE = {"$ref": f"#/$defs/{_VARIABLE}"}
_CHOICES = ("anyOf", "oneOf", "allOf")
_NOTES = ("description", "default", "examples", "title")


def build_schema(stages: StageAdapters) -> Schema:
    """The schema of a configuration file, with the keys of these stages."""
    mode: Literal["validation"] = "validation"
    inputs = [("", mode, TypeAdapter(Settings)), *((key, mode, adapter) for key, adapter in stages.items())]
    schemas, shared = TypeAdapter.json_schemas(inputs)
    definitions: Schema = shared.get("$defs", {})
    for name in _HAS_STAGES:
        properties = definitions[name]["properties"]
        del properties["stages"]
        properties.update((key, schemas[(key, mode)]) for key in sorted(stages))
    top = _resolve(schemas[("", mode)], definitions)
    for schema in (top, *definitions.values()):
        _polish(schema)
    # The version decides how all the rest is read, so it stands there in plain.
    top["properties"]["version"] = {"const": 1, "description": "The version of this language."}
    definitions[_VARIABLE] = {
        "type": "string",
        "pattern": r"\$\{[^}]+\}",
        "description": "A reference such as ${NAME} or ${NAME:-default}.",
    }
    return {"$schema": DIALECT, **top, "title": "Portico", "$defs": _used(top, definitions)}


def _used(top: Schema, definitions: Schema) -> Schema:
    """Those definitions that something refers to: values with a form of their own leave their classes behind."""
    found: set[str] = set()
    fresh = _referred(top)
    while fresh:
        found |= fresh
        fresh = {below for name in fresh for below in _referred(definitions[name])} - found
    return {name: definition for name, definition in definitions.items() if name in found}


def _referred(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"].removeprefix("#/$defs/")} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*map(_referred, schema.values()))
    return set().union(*map(_referred, schema)) if isinstance(schema, list) else set()


def keys_at(schema: Schema, path: Path) -> frozenset[str]:
    """The keys that may stand at ``path``."""
    found: list[Any] = [schema]
    for step in path:
        found = [below for outer in found for form in _forms(outer, schema) for below in _below(form, step)]
    return frozenset(
        key for outer in found for form in _forms(outer, schema) for key in form.get("properties", ())
    )


def leaf_keys(schema: Schema) -> tuple[str, ...]:
    """Every key that can be given a value, as a path: ``services.*.breaker.errors``, ``routes[].match``.

    ``*`` stands for a name that the user chooses, ``[]`` for an item of a list. A key with a short form and a long
    one is a leaf, and so are the keys of its long form.
    """
    return tuple(dict.fromkeys(_leaves(schema, "", schema, ())))


# --- reading a schema -------------------------------------------------------------------------------------------


def _resolve(schema: Schema, definitions: Schema) -> Schema:
    """A copy without ``$ref`` at its top."""
    while "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definitions[_target(schema)], **rest}
    return dict(schema)


def _target(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _forms(schema: Any, root: Schema) -> Iterator[Schema]:
    """The alternatives that a schema consists of."""
    if not isinstance(schema, dict) or schema == _REFERENCE:
        return
    resolved = _resolve(schema, root["$defs"])
    choices = [choice for kind in _CHOICES for choice in resolved.get(kind, ())]
    if "properties" in resolved or not choices:
        yield resolved
    for choice in choices:
        yield from _forms(choice, root)


def _below(form: Schema, step: str | int) -> Iterable[Any]:
    if isinstance(step, int):
        return [form["items"]] if "items" in form else []
    if step in form.get("properties", {}):
        return [form["properties"][step]]
    return _values(form)


def _values(form: Schema) -> list[Any]:
    """The schemas of the values of a mapping whose keys the user chooses."""
    rest = form.get("additionalProperties")
    return [*form.get("patternProperties", {}).values(), *([rest] if isinstance(rest, dict) else [])]


def _leaves(schema: Any, path: str, root: Schema, within: tuple[int, ...]) -> Iterator[str]:
    for form in _forms(schema, root):
        named, free, items = form.get("properties", {}), _values(form), form.get("items")
        if id(named) in within:
            continue  # a type that contains itself has no new keys further down
        deeper = (*within, id(named))
        for key, below in named.items():
            yield from _leaves(below, f"{path}.{key}" if path else key, root, deeper)
        for below in free:
            yield from _leaves(below, f"{path}.*", root, deeper)
        if items is not None:
            # A list of plain values is one value: its key is the leaf.
            yield from (
                path if leaf == f"{path}[]" else leaf for leaf in _leaves(items, f"{path}[]", root, deeper)
            )
        elif not named and not free:
            yield path


# --- making it pleasant -----------------------------------------------------------------------------------------


def _polish(schema: Any) -> None:
    """Take out what pydantic adds for itself, write defaults as people do, and allow references."""
    if not isinstance(schema, dict):
        return
    schema.pop("title", None)
    if schema.get("default", "") is None:
        del schema["default"]
    if "default" in schema:
        schema["default"] = _written(schema["default"], schema)
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    for key in ("properties", "patternProperties"):
        for below in schema.get(key, {}).values():
            _polish(below)
    choices = [choice for kind in _CHOICES for choice in schema.get(kind, ())]
    for below in (*choices, schema.get("items"), schema.get("additionalProperties")):
        _polish(below)
    if "anyOf" in schema:
        schema["anyOf"] = _flat(schema["anyOf"])
    _allow_variable(schema)


def _flat(choices: list[Any]) -> list[Any]:
    """Choices of choices as one list, each of them once, references last."""
    flat: list[Any] = []
    for choice in choices:
        inner = choice["anyOf"] if isinstance(choice, dict) and "anyOf" in choice else [choice]
        flat += [item for item in inner if item not in flat]
    return sorted(flat, key=_REFERENCE.__eq__)


def _allow_variable(schema: Schema) -> None:
    choices = schema.get("anyOf", [schema])
    if not any(_is_narrow(choice) for choice in choices) or any(
        _takes_any_text(choice) for choice in choices
    ):
        return
    if "anyOf" not in schema:
        rule = {key: schema.pop(key) for key in list(schema) if key not in _NOTES}
        schema["anyOf"] = [rule]
    if _REFERENCE not in schema["anyOf"]:
        schema["anyOf"].append(_REFERENCE)


def _is_narrow(schema: Schema) -> bool:
    """Whether a schema takes scalars, but not any text."""
    narrow_text = schema.get("type") == "string" and "pattern" in schema
    return (
        schema.get("type") in ("integer", "number", "boolean")
        or narrow_text
        or "enum" in schema
        or "const" in schema
    )


def _takes_any_text(schema: Schema) -> bool:
    rules = schema.keys() - {*_NOTES, "type", "minLength", "writeOnly"}
    return not rules and schema.get("type", "string") == "string"


def _written(default: Any, schema: Schema) -> Any:
    """A default as a person would write it."""
    units = [choice["x-unit"] for choice in (schema, *schema.get("anyOf", ())) if "x-unit" in choice]
    return write(default, units[0]) if units and isinstance(default, int | float) else default
