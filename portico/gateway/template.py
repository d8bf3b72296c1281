"""JSON templates of error bodies and health answers: any JSON value whose texts may hold `{placeholders}`.

A text that is exactly one placeholder takes the value as it is (`"{status}"` becomes the number 404); inside
longer text it is written out. `{{` and `}}` are braces. A name that no value has is a mistake of the configuration,
found by `compile_template` and not by a client; so is a brace that belongs to no name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

Values = Mapping[str, Any]
Template = Callable[[Values], Any]

_PIECE = re.compile(r"\{\{|\}\}|\{([a-z_]+)\}")


class TemplateError(ValueError):
    """A template cannot be filled; the message is a clause for a person."""


def compile_template(written: Any, known: Collection[str]) -> Template:
    """A function from values to the filled template. Raises TemplateError."""
    if isinstance(written, str):
        return _compile_text(written, known)
    if isinstance(written, Mapping):
        members = {str(key): compile_template(value, known) for key, value in written.items()}
        return lambda values: {key: member(values) for key, member in members.items()}
    if isinstance(written, list | tuple):
        items = [compile_template(value, known) for value in written]
        return lambda values: [item(values) for item in items]
    if isinstance(written, int) and not -(2**63) <= written < 2**64:
        raise TemplateError(f"the template has a number of {len(str(abs(written)))} digits: write it as text")
    return lambda values: written


def _compile_text(text: str, known: Collection[str]) -> Template:
    pieces: list[str | None] = []  # literal text, or None where a name stands
    names: list[str] = []
    start = 0
    for found in _PIECE.finditer(text):
        if found.start() > start:
            pieces.append(_plain(text[start : found.start()]))
        start = found.end()
        name = found[1]
        if name is None:
            pieces.append(found[0][0])
        elif name not in known:
            raise TemplateError(f"the template names {{{name}}}, which nothing fills")
        else:
            pieces.append(None)
            names.append(name)
    if start < len(text):
        pieces.append(_plain(text[start:]))
    if not names:
        literal = "".join(piece for piece in pieces if piece is not None)
        return lambda values: literal
    if pieces == [None]:
        only = names[0]
        return lambda values: values[only]

    def fill(values: Values) -> str:
        following = iter(names)
        return "".join(str(values[next(following)]) if piece is None else piece for piece in pieces)

    return fill


def _plain(text: str) -> str:
    if "{" in text or "}" in text:
        raise TemplateError(
            f'"{text}" has a brace that belongs to no {{name}}; a plain brace is written twice'
        )
    return text
