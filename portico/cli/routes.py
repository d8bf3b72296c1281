"""`portico routes`: the route table in the order in which routes win, the gateway's own endpoints included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from portico.cli.configuration import DEFAULT_FILE, compiled
from portico.cli.text import Cell, say, say_json, table

if TYPE_CHECKING:
    from portico.cli.table import Row

_HEAD = ("MATCH", "METHODS", "HOSTS", "SERVICE", "AUTHENTICATE", "STAGES", "WRITTEN AT")


def routes(
    file: str = typer.Argument(DEFAULT_FILE, metavar="FILE", help="The configuration, or a profile's name."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON for a script."),
) -> None:
    """Print the route table in match order.

    Of two routes that take a request, the upper one gets it.
    """
    from portico.cli.table import in_match_order, rows

    offline = compiled(file)
    found = in_match_order(rows(offline.runtime, offline.loaded.marks))
    if as_json:
        say_json([_as_json(row) for row in found])
        return
    everywhere = _everywhere(found)
    say(table(_HEAD, [_cells(row, everywhere) for row in found]))
    if everywhere:
        say(["", f"On every route: {', '.join(everywhere)}."])


def _keys(row: Row) -> list[str]:
    """The route's stages in their order; one that acts in several phases once."""
    return list(dict.fromkeys(link.key for link in row.chain.links))


def _everywhere(found: list[Row]) -> list[str]:
    """The stages that all routes have, in their order: said once instead of in every line."""
    keys = [_keys(row) for row in found if row.route is not None]
    return [key for key in keys[0] if all(key in others for others in keys)] if keys else []


def _cells(row: Row, everywhere: list[str]) -> tuple[str | Cell, ...]:
    asked = row.authenticate
    if row.route is None:
        stages = "answered by the gateway"
    else:
        own = [key for key in _keys(row) if key not in (*everywhere, "authenticate")]
        stages = ", ".join(own) or "-"
    return (
        row.match,
        ", ".join(row.methods) or "any",
        ", ".join(row.hosts) or "any",
        row.chain.label.service or "-",
        Cell("none", typer.colors.YELLOW) if row.public else ", ".join(asked or ()) or "-",
        stages,
        row.origin,
    )


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.chain.label.name,
        "match": row.match,
        "methods": row.methods,
        "hosts": row.hosts,
        "order": row.entry.order,
        "service": row.chain.label.service or None,
        "authenticate": None if row.authenticate is None else list(row.authenticate) or "none",
        "stages": _keys(row),
        "origin": row.origin,
    }
