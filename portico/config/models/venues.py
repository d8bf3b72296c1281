"""Settings of venues: who is asked for memberships, and what being a member means."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import RoleName, ServiceName
from portico.config.values import (
    AtLeastOne,
    Distinct,
    Duration,
    Name,
    OneOrMany,
    Positive,
    PositiveDuration,
    refuse,
)


def _path(placeholders: tuple[str, ...]) -> AfterValidator:
    def check(written: str) -> str:
        rest = written
        for name in placeholders:
            if written.count(name) != 1:
                raise refuse(f"{{written}} must have {name} once", written)
            rest = rest.replace(name, "")
        if not written.startswith("/") or not written.isascii() or any(sign in rest for sign in " {}#"):
            raise refuse(
                "{written} is no path", written, f"write a path such as /venues/{'/'.join(placeholders)}"
            )
        return written

    return AfterValidator(check)


_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^/"})
MemberPath = Annotated[str, _path(("{venue}", "{user}")), _SCHEMA]
VenuePath = Annotated[str, _path(("{venue}",)), _SCHEMA]


class VenuesSettings(SettingsModel):
    """Venues, resources within a tenant to which users belong (the stage ``venue`` checks them)."""

    service: ServiceName = Field(description="The service that knows who belongs where.")
    member: MemberPath = Field(
        default="/venues/{venue}/members/{user}",
        description="Where it is asked for one membership; its answer is {role: …}, or 404.",
    )
    exists: VenuePath = Field(
        default="/venues/{venue}",
        description="Where it is asked whether the tenant has a venue, for who needs no membership; 404 if not.",
    )
    everywhere: Annotated[OneOrMany[RoleName], Distinct] = Field(
        default=(), description="Roles that may act at every venue of their tenant, without a membership."
    )
    roles: dict[Name, Annotated[AtLeastOne[RoleName], Distinct]] = Field(
        default_factory=dict,
        description="What a membership's role is here; one that is not named is the role of its own name.",
    )
    ttl: PositiveDuration = Field(default=60.0, description="How long a membership is believed.")
    negative_ttl: Duration = Field(default=5.0, description="How long it is believed that there is none.")
    timeout: PositiveDuration = Field(default=5.0, description="How long an answer may take.")
    entries: Positive = Field(default=10_000, description="Memberships that one worker remembers.")
