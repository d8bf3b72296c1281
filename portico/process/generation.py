"""One checked configuration on its way to the workers, as frames.

Encoded once and sent to every worker, and kept: a worker that starts later gets the generation that is live, not the
file as it is by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from portico.process.messages import Prepare, RoutesPart, SettingsPart, encode
from portico.process.plan import Plan

# Unpickled by a serving worker in one go: about half a millisecond.
ROUTES_PER_FRAME = 32


class Generation:
    """A plan with a number and the sockets of its children."""

    def __init__(self, number: int, plan: Plan, children: Mapping[str, str]) -> None:
        self.number = number
        self.plan = plan
        self.children = dict(children)

    @cached_property
    def frames(self) -> list[bytes]:
        """What a worker must be sent to prepare it."""
        return list(self._encode())

    def _encode(self) -> Iterator[bytes]:
        settings = self.plan.settings
        routes = settings.routes
        yield encode(SettingsPart(self.number, settings.model_copy(update={"routes": ()})))
        for start in range(0, len(routes), ROUTES_PER_FRAME):
            yield encode(RoutesPart(self.number, routes[start : start + ROUTES_PER_FRAME]))
        yield encode(Prepare(self.number, self.children, self.plan.grace_s))

    def __repr__(self) -> str:
        return f"<Generation {self.number}>"
