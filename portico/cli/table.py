"""The route table as people see it: each route with its settings, its place in the file, and who may call it.

Rows are in match order: of two rows that both take a request, the upper one gets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from portico.config import Problem
from portico.gateway.chain import Chain
from portico.routing import Entry, shadows
from portico.routing.table import precedence

if TYPE_CHECKING:
    from portico.config import Marks
    from portico.config.models.route import RouteSettings
    from portico.gateway.runtime import Runtime

_AUTHENTICATE = "authenticate"


@dataclass(frozen=True, slots=True)
class Row:
    """One route. `route` is None and `origin` is "built in" for the gateway's own endpoints.

    `authenticate`: the identities that are asked, empty for a public route, None where the question has no sense.
    """

    entry: Entry
    chain: Chain
    route: RouteSettings | None
    origin: str
    authenticate: tuple[str, ...] | None

    @property
    def match(self) -> str:
        """What it asks of path, headers and query."""
        conditions = [str(predicate) for predicate in self.entry.headers]
        conditions += [f"?{predicate}" for predicate in self.entry.query]
        path = self.entry.pattern.text
        return f"{path} [{', '.join(conditions)}]" if conditions else path

    @property
    def methods(self) -> list[str]:
        """The methods that it names; empty for any."""
        return sorted(method.decode("latin-1") for method in self.entry.methods)

    @property
    def hosts(self) -> list[str]:
        """The hosts that it names; empty for any."""
        return [host.text for host in self.entry.hosts]

    @property
    def public(self) -> bool:
        """Whether the configuration opens it to everybody."""
        return self.authenticate == ()

    @property
    def label(self) -> str:
        """`GET,POST api.example.com/path`, as in the file."""
        methods, hosts = ",".join(self.methods), ",".join(self.hosts)
        return f"{methods} {hosts}{self.match}".strip()


def rows(runtime: Runtime, marks: Marks) -> list[Row]:
    """Every route of a configuration, in the order of the file; the gateway's endpoints come first."""
    settings = runtime.settings
    entries = runtime.table.entries
    own = len(entries) - len(settings.routes)
    found = [Row(entry, _chain(entry), None, "built in", None) for entry in entries[:own]]
    for index, (entry, route) in enumerate(zip(entries[own:], settings.routes, strict=True)):
        mark = marks.at(("routes", index))
        asked = route.stages.get(_AUTHENTICATE, settings.defaults.stages.get(_AUTHENTICATE))
        found.append(Row(entry, _chain(entry), route, f"{mark.file}:{mark.line}", asked))
    return found


def _chain(entry: Entry) -> Chain:
    return cast(Chain, entry.value)


def in_match_order(found: list[Row]) -> list[Row]:
    """The documented order (portico.routing.table), the first to win on top."""
    return sorted(found, key=lambda row: min(precedence(row.entry, host) for host in row.entry.host_patterns))


def unreachable(runtime: Runtime, marks: Marks) -> Iterator[Problem]:
    """A warning for each route that no request can reach."""
    found = rows(runtime, marks)
    number = {row.entry: index for index, row in enumerate(found)}
    own = len(found) - len(runtime.settings.routes)
    for shadow in shadows(runtime.table):
        index = number[shadow.entry] - own
        if index < 0:
            continue  # an endpoint of the gateway: these come first
        mark = marks.at(("routes", index))
        winners = [found[number[entry]] for entry in shadow.by]
        taken = ", ".join(f"{winner.label} ({winner.origin})" for winner in winners)
        verb = "takes" if len(winners) == 1 else "take"
        reason = "asks for the same as another route" if shadow.duplicate else "can never match"
        remedy = "remove one of them" if shadow.duplicate else "remove it, or give it a lower order"
        if all(winner.route is None for winner in winners):
            remedy = "move the gateway's own path under gateway.endpoints, or switch it off there"
        yield Problem(
            mark.file,
            mark.line,
            mark.column,
            f"routes[{index}]",
            f"{reason}: {taken} {verb} all of its requests",
            remedy,
            "warning",
        )
