"""Names that cookies may have."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from portico.config.values import refuse

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


def _cookie(value: object) -> str:
    if isinstance(value, str) and _TOKEN.fullmatch(value):
        return value
    raise refuse("{written} is no name of a cookie", value, "write letters, digits and hyphens")


CookieName = Annotated[
    str, PlainValidator(_cookie), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"})
]
