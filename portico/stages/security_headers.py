"""Fields that tell browsers to be careful with a reply: on every reply, unless a route switches them off.

All of it is decided at load: the fields are constants of the route. They replace a service's fields of the same
names. Strict-Transport-Security is sent only where it is written, since RFC 6797 section 7.2 forbids it on plain
HTTP and only the operator knows whether a TLS proxy stands in front. No Cross-Origin-Embedder-Policy (requirements
3.7).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from portico.config.models.model import SettingsModel
from portico.config.values import Duration, Flag, HeaderValue, OrOff
from portico.exchange.fields import Field as HeaderField
from portico.exchange.stage import Hooks, Phase, Site, Stage

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:"
)
ONE_YEAR_S = 365 * 86_400.0


class StrictTransportSecurity(SettingsModel):
    """Strict-Transport-Security (RFC 6797): browsers use HTTPS for this host from then on."""

    max_age: Duration = Field(ONE_YEAR_S, description="For how long browsers insist on HTTPS.")
    subdomains: Flag = Field(True, description="For all hosts below this one too.")
    preload: Flag = Field(False, description="Agree to be put on the browsers' built-in lists.")

    def value(self) -> str:
        """The field's value."""
        parts = [f"max-age={int(self.max_age)}"]
        if self.subdomains:
            parts.append("includeSubDomains")
        if self.preload:
            parts.append("preload")
        return "; ".join(parts)


class SecurityHeaders(SettingsModel):
    """Which security headers replies carry; each can be `off`."""

    csp: OrOff[HeaderValue] = Field(CONTENT_SECURITY_POLICY, description="Content-Security-Policy.")
    hsts: OrOff[StrictTransportSecurity] = Field(
        None,
        description="Strict-Transport-Security. Write it only where every client comes over HTTPS.",
        json_schema_extra={"default": "off"},
    )
    nosniff: OrOff[Literal[True]] = Field(True, description="X-Content-Type-Options: nosniff.")
    frame: OrOff[Literal["SAMEORIGIN", "DENY"]] = Field("SAMEORIGIN", description="X-Frame-Options.")
    referrer: OrOff[HeaderValue] = Field("no-referrer", description="Referrer-Policy.")
    xss: OrOff[HeaderValue] = Field(
        None,
        description='X-XSS-Protection, for old browsers: "1; mode=block". Today\'s ignore it.',
        json_schema_extra={"default": "off"},
    )

    def fields(self) -> tuple[HeaderField, ...]:
        """The fields, rendered."""
        hsts = None if self.hsts is None else self.hsts.value()
        written = (
            ("content-security-policy", self.csp),
            ("strict-transport-security", hsts),
            ("x-content-type-options", "nosniff" if self.nosniff else None),
            ("x-frame-options", self.frame),
            ("referrer-policy", self.referrer),
            ("x-xss-protection", self.xss),
        )
        return tuple((name.encode(), value.encode("ascii")) for name, value in written if value is not None)


NONE_AT_ALL = SecurityHeaders.model_validate(
    {"csp": "off", "hsts": "off", "nosniff": "off", "frame": "off", "referrer": "off", "xss": "off"}
)


def _or_none_at_all(settings: SecurityHeaders | None) -> SecurityHeaders:
    return NONE_AT_ALL if settings is None else settings


class SecurityHeadersStage(Stage[SecurityHeaders | None]):
    """`security_headers:` on a route or under `defaults`."""

    key: ClassVar[str] = "security_headers"
    phase: ClassVar[Phase] = Phase.OBSERVE
    settings = Annotated[OrOff[SecurityHeaders], AfterValidator(_or_none_at_all)]
    summary: ClassVar[str] = "Security headers on every reply."
    always: ClassVar[bool] = True

    def compile(self, settings: SecurityHeaders | None, site: Site) -> Hooks | None:
        """Constant fields; nothing at all where they are off."""
        fields = (settings or SecurityHeaders()).fields()
        return Hooks(reply_fields=fields) if fields else None

    def explain(self, settings: SecurityHeaders | None) -> str:
        """The names of the fields."""
        names = [name.decode() for name, _ in (settings or SecurityHeaders()).fields()]
        return f"adds {', '.join(names)}" if names else "off"
