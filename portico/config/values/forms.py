"""Short forms that any type can have: ``off``, one instead of many, and "may be left out"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from portico.config.substitution import typed
from portico.config.values.refusal import refuse

T = TypeVar("T")


class Form:
    """A rewriting of the written form before the inner type sees it, and the schema that goes with it."""

    def __init__(
        self,
        rewrite: Callable[[object], object],
        schema: Callable[[JsonSchemaValue], JsonSchemaValue],
    ) -> None:
        self._rewrite = rewrite
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._rewrite, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self._schema(handler(schema))


def _without_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if "anyOf" not in schema or len(choices) == len(schema["anyOf"]):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}


def _off(value: object) -> object:
    if value is None:
        raise refuse("nothing is written here", value, "write a value, or off")
    return None if (meant := typed(value)) is False or meant == "off" else value


def _off_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [_without_null(schema), {"enum": ["off", False]}]}


OrOff = Annotated[T | None, Form(_off, _off_schema)]
"""``OrOff[X]``: an X, or ``off``, which becomes None. An empty value is neither."""


def _written(value: object) -> object:
    if value is None:
        raise refuse("nothing is written here", value, "write a value, or remove the key")
    return value


Maybe = Annotated[T | None, Form(_written, _without_null)]
"""``Maybe[X]``: None if the key is left out, else an X. A key with nothing behind it is refused."""


def _many(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _many_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema["items"], schema]} if "items" in schema else schema


OneOrMany = Annotated[tuple[T, ...], Form(_many, _many_schema)]
"""``OneOrMany[X]``: ``x`` or ``[x, y]`` → a tuple, which may be empty."""


def _some(value: object) -> object:
    if value in ([], ()):
        raise refuse("must not be empty", value)
    return _many(value)


def _some_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return _many_schema({**schema, "minItems": 1})


AtLeastOne = Annotated[tuple[T, ...], Form(_some, _some_schema)]
"""``AtLeastOne[X]``: ``x`` or ``[x, y]`` → a tuple that is not empty."""


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    seen: set[T] = set()
    for value in values:
        if value in seen:
            raise refuse("{written} is listed twice", value if isinstance(value, str) else str(value))
        seen.add(value)
    return values


Distinct = AfterValidator(_distinct)
"""``Annotated[OneOrMany[X], Distinct]``: no item twice."""
