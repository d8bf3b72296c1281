"""What the venue service reads from its environment:

VENUES_SEED             venues and who belongs to them, as a JSON list of `Seed`
VENUES_TENANT           the tenant of the seed, default demo
VENUES_DATABASE_URL     where the data is; DATABASE_URL otherwise, else a SQLite file under ./var
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from samples.platform.settings import SettingsError, read_database_url

VenueRole = Literal["venue-owner", "venue-manager", "box-office", "door-staff"]
Tier = Literal["premium", "standard", "free"]


class Seed(BaseModel):
    """One venue that is there from the beginning; `members` are user → role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    tier: Tier = "standard"
    members: dict[str, VenueRole] = {}


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """The settings of the venue service."""

    database_url: str
    tenant_id: str
    seed: tuple[Seed, ...]


def read_venue_settings(name: str, environ: Mapping[str, str]) -> VenueSettings:
    """The settings, or `SettingsError`."""
    try:
        seed = TypeAdapter(tuple[Seed, ...]).validate_json(environ.get("VENUES_SEED") or "[]")
    except ValidationError as problem:
        raise SettingsError(f"VENUES_SEED: {problem.errors(include_url=False)[0]['msg']}") from None
    return VenueSettings(read_database_url(name, environ), environ.get("VENUES_TENANT") or "demo", seed)
