"""Settings of what a role may do."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import RoleName
from portico.config.values import Distinct, OneOrMany, refuse

_PERMISSION = re.compile(r"(?:\*|[A-Za-z0-9_.*-]+:(?:\*|[A-Za-z0-9_.*-]+))\Z", re.ASCII)


def permission(value: object) -> str:
    """``resource:action`` with ``*`` at any place, or ``*``. Raises a ``refuse`` error for anything else."""
    if isinstance(value, str) and _PERMISSION.match(value):
        return value
    raise refuse(
        "{written} is no permission",
        value,
        'write resource:action such as "tickets:view", "tickets:*" or "*"',
    )


Permission = Annotated[
    str,
    PlainValidator(permission),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\*|[A-Za-z0-9_.*-]+:[A-Za-z0-9_.*-]+)$",
            "examples": ["tickets:view", "*:read"],
        }
    ),
]


class RoleSettings(SettingsModel):
    """What a role may do."""

    permissions: Annotated[OneOrMany[Permission], Distinct] = Field(
        default=(), description="Permissions of the form resource:action; * stands for any."
    )
    inherits: Annotated[OneOrMany[RoleName], Distinct] = Field(
        default=(), description="Roles whose permissions this one has too."
    )
