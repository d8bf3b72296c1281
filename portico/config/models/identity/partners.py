"""What the settings of every signing caller's key have in common: whose it is, and what that caller may do."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from portico.config.models.model import SettingsModel
from portico.config.references import RoleName
from portico.config.values import Distinct, HeaderValue, Maybe, OneOrMany, refuse

T = TypeVar("T")


def _not_empty(keys: dict[str, T]) -> dict[str, T]:
    if not keys:
        raise refuse("names no key", keys)
    return keys


SomeKeys = AfterValidator(_not_empty)
"""``Annotated[dict[...], SomeKeys]``: with at least one key."""


class PartnerSettings(SettingsModel):
    """Who has a key."""

    subject: Maybe[HeaderValue] = Field(
        default=None, description="Who the caller is, as services are told; by default the key's name."
    )
    tenant: Maybe[HeaderValue] = Field(default=None, description="Which tenant the caller belongs to.")
    roles: Annotated[OneOrMany[RoleName], Distinct] = Field(
        default=(), description="What the caller is, for authorize."
    )
