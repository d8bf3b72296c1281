"""A route of a real configuration, for compiling one stage and asking its hooks."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from portico.config import load_settings_text
from portico.config.problems import Problems
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.request import Request
from portico.exchange.stage import Hooks, Stage, Stages
from portico.gateway.site import Around, Live, RouteSite
from portico.identity.proofs import Nowhere
from portico.observe.audit import Audit
from portico.observe.families import Metrics
from portico.observe.log import Log
from portico.observe.writer import LogWriter
from portico.rules import Limits
from portico.stages import load_stages, stage_types
from portico.stores import MemoryStore

STAGES = load_stages()


class Route:
    """One route with `stage_key: written`, in a configuration with `sections` before it. Wall time is `now`."""

    def __init__(
        self,
        folder: pathlib.Path,
        stage_key: str,
        written: Any,
        sections: str,
        methods: str = "",
        stages: Stages = STAGES,
    ) -> None:
        text = f"""
version: 1
services: {{tickets: {{url: "http://127.0.0.1:3003"}}}}
{sections}
routes:
  - match: "{methods} /tickets/**"
    service: tickets
    authenticate: none
    {stage_key}: {json.dumps(written)}
"""
        if stage_key == "authenticate":
            text = text.replace("    authenticate: none\n", "")
        loaded = load_settings_text(text, stage_types(stages))
        self.stage: Stage[Any] = stages[stage_key]
        self.settings = loaded.settings.routes[0].stages[stage_key]
        self.clock = Clock()
        self.clock.offset = 0.0
        self.metrics = Metrics()
        self.live = Live()
        self.live.put("clock", self.clock)
        self.live.put("metrics", self.metrics)
        self.live.put("store", MemoryStore(Limits(1000)))
        self._log = folder / "audit.log"
        self.live.put("audit", Audit(Log(LogWriter(str(self._log)))))
        self._found = Problems(loaded.marks)
        self.site = RouteSite(
            Around(loaded.settings, self.live, Nowhere().call),
            self._found,
            ("routes", 0),
            route="tickets",
            template="/tickets/**",
            service="tickets",
            methods=frozenset(method.encode() for method in loaded.settings.routes[0].match.methods),
        )
        self.site.enter(("routes", 0), stage_key)

    def compile(self) -> Hooks | None:
        """The stage's hooks on this route."""
        return self.stage.compile(self.settings, self.site)

    def explain(self) -> str:
        """What `portico explain` says of it."""
        return self.stage.explain(self.settings)

    def problems(self) -> list[str]:
        """What compiling it reports, without the file and line."""
        self.compile()
        return [str(problem).partition(": ")[2] for problem in self._found.found()]

    def ask(self, x: Exchange) -> Failure | None:
        """The verdict of `on_request`."""
        assert not self.problems()
        hooks = self.compile()
        assert hooks is not None
        assert hooks.on_request is not None
        verdict = hooks.on_request(x)
        assert verdict is None or isinstance(verdict, Failure)
        return verdict

    def audit(self) -> list[dict[str, Any]]:
        """The audit lines so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []


class Label:
    """What observers know of the route."""

    name = "tickets"
    template = "/tickets/**"
    service = "tickets"


class NoStream:
    """Nobody is connected: the hooks asked here never speak to the client."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a stage asked the stream for {name}")


def exchange(
    request: Request | None = None,
    *,
    method: bytes = b"GET",
    identity: Identity | None = None,
    now: float = 0.0,
) -> Exchange:
    """A request on its way through the stages."""
    made = Request() if request is None else request
    made.method = method
    made.target = b"/tickets/1"
    x = Exchange(NoStream(), made, now)
    x.route = Label()
    x.request_id = b"req_1"
    x.client = b"192.0.2.7"
    x.identity = identity
    return x
