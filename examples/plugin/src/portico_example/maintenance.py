"""`maintenance:` on a route: answer 503 in the service's place, to everybody or only to those who would write."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from portico.plugin import (
    Exchange,
    Failure,
    Flag,
    Hooks,
    Metrics,
    Outcome,
    Phase,
    PositiveDuration,
    Reply,
    SettingsModel,
    Side,
    Site,
    Stage,
    Text,
)

# RFC 9110 section 9.2.1: methods that change nothing.
SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class Maintenance(SettingsModel):
    """What to tell clients while a service is worked on."""

    read_only: Flag = Field(default=False, description="Let safe methods through and refuse only the others.")
    retry_after: PositiveDuration = Field(default=300.0, description="When clients should come back.")
    text: Text = Field(default="Down for maintenance", description="What clients are told.")


class MaintenanceStage(Stage[Maintenance]):
    """One class per YAML key. It is made once; `compile` runs once per route that has the key."""

    key: ClassVar[str] = "maintenance"
    phase: ClassVar[Phase] = Phase.GUARD  # before anybody has to prove who they are
    settings = Maintenance
    summary: ClassVar[str] = "Answers 503 while a service is worked on."
    codes = ("MAINTENANCE",)  # so that `gateway.errors.texts` may name it

    def compile(self, settings: Maintenance, site: Site) -> Hooks:
        """Everything that can be decided before the first request is decided here."""
        if settings.read_only and site.methods and site.methods <= SAFE:
            site.problem("would refuse nothing on this route, which takes only safe methods", "read_only")
        # `live` objects survive a reload: here the registry of metrics, which the gateway has made.
        metrics = site.live("metrics", Metrics)
        counter = metrics.registry.counter(
            "portico_example_maintenance_total", "Requests refused for maintenance.", ["route"]
        )
        refused = counter.labels(site.template)
        failure = Failure(
            code="MAINTENANCE",
            status=503,
            side=Side.GATEWAY,  # nobody's breaker should count it
            title="Service Unavailable",
            text=settings.text,
            fields=((b"retry-after", b"%d" % settings.retry_after),),
        )
        let_through = SAFE if settings.read_only else frozenset[bytes]()

        def on_request(x: Exchange) -> Outcome:
            """Returning nothing lets the request go on; a Failure or a Reply answers it."""
            return None if x.request.method in let_through else failure

        def on_reply(x: Exchange, reply: Reply) -> None:
            """Runs for every reply of the route, the gateway's own errors included."""
            reply.set(b"x-maintenance", b"on")

        def on_end(x: Exchange) -> None:
            """Runs exactly once per request, whatever became of it."""
            if x.failure is not None and x.failure.code == failure.code:
                refused.value += 1

        return Hooks(on_request=on_request, on_reply=on_reply, on_end=on_end)

    def explain(self, settings: Maintenance) -> str:
        """One line for `portico explain`."""
        return "refuses unsafe methods" if settings.read_only else "refuses everything"
