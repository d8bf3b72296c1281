"""A log line for every request (requirement 12.2), except the gateway's own health checks.

Always on unless `logs.access` is off. Outermost but for the metrics, so that it sees how a request really ended.
Everything that the settings decide is decided at load: form, level, escaping of the route's names.
"""

from __future__ import annotations

from typing import ClassVar

from portico.config.models.settings import Settings
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.observe.access_lines import JsonLines, TextLines
from portico.observe.access_log import RouteLog
from portico.observe.log import wants_colour
from portico.observe.redaction import Redaction
from portico.observe.text import SEVERITY
from portico.observe.writer import LogWriters


class AccessLogStage(Stage[None]):
    """The access log on every route."""

    key: ClassVar[str] = "access_log"
    phase: ClassVar[Phase] = Phase.OBSERVE
    settings: ClassVar[None] = None
    summary: ClassVar[str] = "Writes a log line for every request."
    order: ClassVar[int] = -90
    always: ClassVar[bool] = True

    def compile(self, settings: None, site: Site) -> Hooks | None:
        """The hooks for one route; None where nothing is logged."""
        written: Settings = site.settings
        logs = written.logs
        endpoints = written.gateway.endpoints
        silent = (endpoints.live, endpoints.health, endpoints.detail, endpoints.ready)
        if logs.access is None or (not site.service and site.template in silent):
            return None
        writer = site.live("access_log", LogWriters).to(logs.access)
        redaction = site.shared("redaction", lambda: Redaction(logs.redact))
        form = TextLines if wants_colour(logs.format, logs.access) else JsonLines
        lines = form(site.template, site.service, redaction, writer, logs.headers, logs.requests)
        log = RouteLog(lines, writer, logs.level, logs.slow)
        begins = logs.requests and SEVERITY["info"] >= SEVERITY[logs.level]
        return Hooks(on_request=log.begin if begins else None, on_end=log.end)

    def explain(self, settings: None) -> str:
        """One line for `portico explain`."""
        return "logged at its end"
