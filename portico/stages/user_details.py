"""What the user service says of a caller, beside what the token says: role, permissions, venue (requirements 2.4).

Runs right after `authenticate`, for callers of a tenant whom one of the named methods proved.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import IdentityName, ServiceName
from portico.config.values import Distinct, Duration, OneOrMany, OrOff, Positive, PositiveDuration, refuse
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.user_details import Telling
from portico.identity.user_details import DetailsRule, UserDetails
from portico.observe.audit import Audit


def _path(written: str) -> str:
    rest = written.replace("{user}", "")
    if not written.startswith("/") or written.count("{user}") != 1:
        raise refuse(
            "{written} must be a path with {user} once", written, "write a path such as /users/{user}"
        )
    if not written.isascii() or any(sign in rest for sign in " {}#"):
        raise refuse("{written} is no path", written, "write a path such as /users/{user}")
    return written


UserPath = Annotated[str, AfterValidator(_path), WithJsonSchema({"type": "string", "pattern": "^/"})]


class UserDetailsSettings(SettingsModel):
    """Who is asked about users, and for how long an answer holds."""

    service: ServiceName = Field(description="The service that knows users.")
    path: UserPath = Field(
        default="/users/{user}",
        description="Where it is asked; it answers {id, email, role, tenant_id, permissions, venueId}, or 404.",
    )
    of: Annotated[OneOrMany[IdentityName], Distinct, Field(min_length=1)] = Field(
        description="The identities whose callers are such users."
    )
    ttl: PositiveDuration = Field(default=60.0, description="How long an answer is good.")
    stale: Duration = Field(
        default=600.0,
        description="How long it is used beyond that while a newer one is fetched, or cannot be had.",
    )
    timeout: PositiveDuration = Field(default=5.0, description="How long an answer may take.")
    entries: Positive = Field(default=10_000, description="Users that one worker remembers.")
    away: Literal["token", "refuse"] = Field(
        default="token",
        description="What happens when there is no answer: what the token says counts, or the caller is refused (503).",
    )


class UserDetailsStage(Stage[UserDetailsSettings | None]):
    """`user_details: {service: auth, of: users}` or `off` on a route or under `defaults`."""

    key: ClassVar[str] = "user_details"
    phase: ClassVar[Phase] = Phase.IDENTIFY
    order: ClassVar[int] = 50
    settings = OrOff[UserDetailsSettings]
    summary: ClassVar[str] = (
        "What a service says of callers beside what their token says: role, permissions, venue."
    )

    def compile(self, settings: UserDetailsSettings | None, site: Site) -> Hooks | None:
        """One hook; routes with the same settings share what is known."""
        if settings is None:
            return None
        rule = DetailsRule(settings.path, settings.ttl, settings.stale, settings.timeout, settings.entries)
        details = site.shared(
            f"user details {settings.service} {rule}", lambda: UserDetails(rule, site.call(settings.service))
        )
        hook = Telling(
            details,
            frozenset(settings.of),
            settings.away == "refuse",
            settings.service,
            site.live("audit", Audit),
        )
        return Hooks(on_request=hook.tell)

    def explain(self, settings: UserDetailsSettings | None) -> str:
        """Whom it asks."""
        if settings is None:
            return "off: the token says all there is to know"
        return f"asks {settings.service} about callers of {', '.join(settings.of)}"
