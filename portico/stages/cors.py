"""Which pages of other origins may read replies (Fetch, section 3.2; requirements 3.6).

A pre-flight is answered by the gateway for the route that its request would take, before anything else is asked of
it: it has no credentials, and spends from no limit. What a service says about CORS is replaced, on the gateway's own
errors it is said too. Private Network Access is not supported: pages cannot be allowed to reach a private network by
it. `*` goes without credentials only, and `null` not at all (docs/cors.md).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from portico.config.models.model import SettingsModel
from portico.config.models.route import Method
from portico.config.values import Distinct, Duration, Flag, OneOrMany, OrOff, refuse
from portico.config.values.names import header_name_as_written
from portico.config.values.origins import ANY_ORIGIN, Origins
from portico.exchange.fields import Field as HeaderField
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.cors import Anybody, Listed
from portico.observe.audit import Audit
from portico.rules.origins import Origins as Allowed

STANDARD = "standard"
METHODS_ALLOWED = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Requirements 3.6. A request that names X-Tenant-ID gets through, and the header does not.
HEADERS_ALLOWED = (
    "Authorization",
    "Content-Type",
    "X-API-Key",
    "X-Venue-ID",
    "X-Tenant-ID",
    "X-Request-ID",
    "Idempotency-Key",
)
HEADERS_EXPOSED = (
    "X-Request-ID",
    "RateLimit",
    "RateLimit-Policy",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "Location",
)
# What the gateway says, or does not say, in the place of services.
OURS = frozenset(
    {
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-allow-methods",
        b"access-control-allow-headers",
        b"access-control-allow-private-network",
        b"access-control-expose-headers",
        b"access-control-max-age",
    }
)


def _header(value: object) -> str:
    if value == ANY_ORIGIN:
        raise refuse(
            "{written} means a header of that name wherever credentials are sent",
            value,
            "name the headers, or write standard",
        )
    return header_name_as_written(value)


CorsHeader = Annotated[
    str,
    PlainValidator(_header),
    WithJsonSchema(
        {"type": "string", "pattern": "^[!#$%&'+.^_`|~0-9A-Za-z-]+$", "examples": ["X-Request-ID", STANDARD]}
    ),
]


class CorsSettings(SettingsModel):
    """Which pages may read replies, and what they may ask."""

    origins: Annotated[Origins, Distinct] = Field(
        default=(),
        description='Origins of pages: https://app.example.com, https://*.example.com, or "*" for every one.',
    )
    localhost: Flag = Field(
        default=False,
        description="Pages of localhost, 127.0.0.1 and [::1] too, on any port: for development.",
    )
    credentials: Flag = Field(
        default=False, description="Pages may send cookies and read what comes back to them."
    )
    methods: Annotated[OneOrMany[Method], Distinct] = Field(
        default=METHODS_ALLOWED, description="Methods that pages may use."
    )
    headers: Annotated[OneOrMany[CorsHeader], Distinct] = Field(
        default=(STANDARD,),
        description="Request headers that pages may set; the word standard stands for the usual ones.",
    )
    expose: Annotated[OneOrMany[CorsHeader], Distinct] = Field(
        default=(STANDARD,),
        description="Reply headers that pages may read; the word standard stands for those that the gateway sets.",
    )
    max_age: Duration = Field(
        default=600.0, description="How long a browser may remember the answer to a pre-flight."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_origins(cls, value: Any) -> Any:
        return {"origins": value} if isinstance(value, str | list) else value

    @model_validator(mode="after")
    def _consistent(self) -> CorsSettings:
        if not self.origins and not self.localhost:
            raise refuse("allows no origin", None, "list some under origins, or write cors: off")
        if ANY_ORIGIN in self.origins:
            if self.credentials:
                raise refuse(
                    '"*" with credentials lets every page act as the user who looks at it',
                    None,
                    "list the origins that may, or remove credentials",
                )
            if len(self.origins) > 1 or self.localhost:
                raise refuse('"*" already allows every origin', None, "write it alone")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        schema: dict[str, Any] = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [schema["properties"]["origins"], schema]}

    @property
    def anybody(self) -> bool:
        """Whether every page may read."""
        return ANY_ORIGIN in self.origins

    def announced(self) -> list[HeaderField]:
        """Fields of the answer to a pre-flight, but for the origin."""
        fields = (
            (b"access-control-allow-methods", ", ".join(self.methods).encode("ascii")),
            (b"access-control-allow-headers", _names(self.headers, HEADERS_ALLOWED)),
            (b"access-control-max-age", b"%d" % int(self.max_age)),
        )
        return [field for field in fields if field[1]]

    def exposed(self) -> bytes:
        """The value of Access-Control-Expose-Headers; empty for none."""
        return _names(self.expose, HEADERS_EXPOSED)


def _names(written: tuple[str, ...], standard: tuple[str, ...]) -> bytes:
    """A list of header names, each once, whatever its case."""
    names: dict[str, str] = {}
    for name in written:
        for one in standard if name == STANDARD else (name,):
            names.setdefault(one.lower(), one)
    return ", ".join(names.values()).encode("ascii")


class CorsStage(Stage[CorsSettings | None]):
    """`cors: {origins: [https://app.example.com]}` or `off` on a route or under `defaults`."""

    key: ClassVar[str] = "cors"
    phase: ClassVar[Phase] = Phase.OBSERVE  # its fields are on every reply; pre-flights are answered in ADMIT
    order: ClassVar[int] = 10
    settings = OrOff[CorsSettings]
    summary: ClassVar[str] = "Which pages of other origins may read replies."

    def compile(self, settings: CorsSettings | None, site: Site) -> Hooks | None:
        """A hook that answers pre-flights, and one, or constant fields, for every other reply."""
        if settings is None:
            return None
        exposed = settings.exposed()
        if settings.anybody:
            constant: tuple[HeaderField, ...] = ((b"access-control-allow-origin", b"*"),)
            if exposed:
                constant += ((b"access-control-expose-headers", exposed),)
            answer = Hooks(
                Anybody(settings.announced()).answer, phase=Phase.ADMIT, summary="answers pre-flights"
            )
            return Hooks(reply_fields=constant, owns=OURS, then=answer)
        common = b"access-control-allow-credentials: true\r\n" if settings.credentials else b""
        granted = b"access-control-expose-headers: " + exposed + b"\r\n" if exposed else b""
        listed = Listed(
            Allowed(settings.origins, settings.localhost),
            settings.announced(),
            common,
            granted,
            site.live("audit", Audit),
        )
        answer = Hooks(listed.answer, phase=Phase.ADMIT, summary="answers pre-flights")
        return Hooks(on_reply=listed.tell, owns=OURS, then=answer)

    def explain(self, settings: CorsSettings | None) -> str:
        """Who may read."""
        if settings is None:
            return "off: pre-flights and what services say about CORS pass"
        if settings.anybody:
            return "pages of every origin may read"
        who = [*settings.origins, *(["localhost"] if settings.localhost else [])]
        kind = ", with credentials" if settings.credentials else ""
        return f"pages of {', '.join(who)} may read{kind}"
