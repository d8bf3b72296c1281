"""Which venue a request is about, and whether its caller belongs there (requirements 3.4).

Asked before `authorize`, because what somebody may do at a venue is decided by their membership there and not by the
roles that they have elsewhere. A request that names a venue in several places must name the same in all. The checked
venue goes to the service as X-Venue-Context-Id, -Role and -Permissions, which no client can send.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.models.venues import VenuesSettings
from portico.config.values import Flag, Form, HeaderName, OrOff, PositiveSize, Text, refuse
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.venue import AtVenue
from portico.hooks.venue_names import Names
from portico.identity.memberships import Memberships, Rule
from portico.identity.roles import Roles
from portico.identity.venue_roles import Telling
from portico.observe.audit import Audit


class VenueSettings(SettingsModel):
    """Where requests name a venue, in the order that counts; each place can be ``off``."""

    param: OrOff[Text] = Field(default="venueId", description="The parameter of the path.")
    query: OrOff[Text] = Field(default="venueId", description="The parameter of the query.")
    body: OrOff[Text] = Field(default="venueId", description="The member of a JSON body, or of a form.")
    header: OrOff[HeaderName] = Field(default="x-venue-id", description="The request header.")
    required: Flag = Field(
        default=True, description="Whether a request must name a venue, if its caller has none of their own."
    )
    body_limit: PositiveSize = Field(
        default=1 << 20, description="Bytes of a body that is looked into; a larger one is 413."
    )


_SHORT = {"required": {"required": True}, "optional": {"required": False}}


def _short(value: object) -> object:
    if isinstance(value, str):
        if value not in _SHORT:
            raise refuse(
                "{written} says not when a venue is needed", value, "write required, optional or off"
            )
        return _SHORT[value]
    return value


def _short_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"enum": [*_SHORT]}, schema]}


class VenueStage(Stage[VenueSettings | None]):
    """`venue: required | optional | off`, or a mapping of where requests name it."""

    key: ClassVar[str] = "venue"
    phase: ClassVar[Phase] = Phase.AUTHORIZE
    order: ClassVar[int] = -100
    settings = OrOff[Annotated[VenueSettings, Form(_short, _short_schema)]]
    summary: ClassVar[str] = (
        "Whether callers belong to the venue that their request is about: required or optional."
    )

    def compile(self, settings: VenueSettings | None, site: Site) -> Hooks | None:
        """One hook, over the memberships that all routes share."""
        if settings is None:
            return None
        venues: VenuesSettings | None = site.settings.venues
        if venues is None:
            site.problem("nobody says who belongs to which venue", suggestion="add the section venues")
            return None
        roles = site.shared("roles", lambda: Roles(site.settings.roles))
        telling = site.shared("venue roles", lambda: Telling(venues.roles, roles))
        memberships = site.shared("memberships", lambda: _memberships(venues, telling, site))
        names = Names(settings.param or "", settings.query or "", settings.body or "", settings.header or "")
        hook = AtVenue(
            names,
            settings.required,
            frozenset().union(*(roles.including(role) for role in venues.everywhere)),
            memberships,
            telling,
            venues.service,
            site.live("audit", Audit),
        )
        return Hooks(on_request=hook.judge, needs_body=settings.body_limit if settings.body else None)

    def explain(self, settings: VenueSettings | None) -> str:
        """Where the venue is looked for."""
        if settings is None:
            return "off: no venue is looked for"
        places = [
            f"{place} {name}"
            for place, name in (
                ("path", settings.param),
                ("query", settings.query),
                ("body", settings.body),
                ("header", settings.header),
            )
            if name
        ]
        need = "needs membership at" if settings.required else "needs membership at, if it is named,"
        return f"{need} the venue in {', '.join([*places, 'own venue of the caller'])}"


def _memberships(venues: VenuesSettings, telling: Telling, site: Site) -> Memberships:
    rule = Rule(venues.member, venues.exists, venues.ttl, venues.negative_ttl, venues.timeout, venues.entries)
    return Memberships(rule, site.call(venues.service), telling.venue)
