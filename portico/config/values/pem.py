"""Text in PEM form, from a file or written in place: certificates and the keys that belong to them.

The loader reads the file (``portico.config.files``), so that every worker, also one that starts later, has the bytes
that were checked, and a renewed file under the same name is another value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from portico.config.values.refusal import refuse


@dataclass(frozen=True, slots=True)
class Pem:
    """PEM text. ``path`` is the file that it was read from, empty when it stands in the configuration itself."""

    text: str = field(repr=False)
    path: str = ""

    def __str__(self) -> str:
        return self.path or "PEM text"


def _pem(value: object) -> Pem:
    if isinstance(value, Pem):
        return value
    # Never shown: it may be a key.
    if isinstance(value, str) and "-----BEGIN " in value:
        return Pem(value)
    if isinstance(value, str) and value.strip():
        raise refuse("is neither a file nor text in PEM form", "text")
    raise refuse("must be the path of a file in PEM form", "nothing")


PemFile = Annotated[
    Pem,
    PlainValidator(_pem),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""The path of a PEM file, or PEM text → ``Pem``."""
