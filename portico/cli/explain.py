"""`portico explain`: what would become of a request, stage by stage, without a gateway that runs and without a call.

The request goes down the real road (`rehearsal`), what happened becomes data (`account`), and this file puts it into
words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import typer

from portico.cli.configuration import DEFAULT_FILE, compiled
from portico.cli.text import Cell, Cells, say, say_json, table, title

_METHOD = re.compile(r"[A-Za-z-]+\Z")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\Z")

_COLOURS = {
    "passes": typer.colors.GREEN,
    "answers": typer.colors.GREEN,
    "refuses": typer.colors.RED,
    "fails": typer.colors.RED,
    "needs the body": typer.colors.YELLOW,
}

Data = Mapping[str, Any]


def explain(
    method: str = typer.Argument(..., metavar="METHOD", help="Such as GET."),
    path: str = typer.Argument(..., metavar="PATH", help="With its query, or a whole http:// URL."),
    file: str = typer.Option(DEFAULT_FILE, "-c", "--config", metavar="FILE", help="The configuration."),
    header: list[str] = typer.Option([], "-H", "--header", metavar="'NAME: VALUE'", help="Repeatable."),
    token: str = typer.Option("", "--token", metavar="TOKEN", help="Sent as Authorization: Bearer TOKEN."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON for a script."),
) -> None:
    """Tell what would become of a request, stage by stage.

    Says the route and why others lost, each stage's verdict, and what the service or the client would get. Nothing
    is sent to any service.
    """
    request = _request(method, path, header, token)
    offline = compiled(file)
    from portico.cli.account import account
    from portico.cli.rehearsal import rehearse

    told = account(rehearse(offline.loaded, request), offline.loaded.marks)
    if as_json:
        say_json(told)
    else:
        say(_words(told))


def _request(method: str, path: str, headers: Iterable[str], token: str) -> bytes:
    """The request as a client would send it. Whether it is well formed is for the gateway to say."""
    if not _METHOD.match(method):
        raise typer.BadParameter(f"{method} is no method: write GET, POST, …", param_hint="METHOD")
    absolute = path.startswith(("http://", "https://"))
    if not absolute and not path.startswith("/") and path != "*":
        raise typer.BadParameter(f"{path} is no path: it begins with /", param_hint="PATH")
    if any(sign in path for sign in "\r\n\0 "):
        raise typer.BadParameter("a path has no spaces: write %20", param_hint="PATH")
    lines = [f"{method.upper()} {path} HTTP/1.1"]
    for header in headers:
        if not _HEADER.match(header):
            raise typer.BadParameter(f"{header} is no header: write 'Name: value'", param_hint="-H")
        lines.append(header)
    if not any(line.lower().startswith("host:") for line in lines[1:]):
        lines.append(f"Host: {urlsplit(path).netloc if absolute else 'localhost'}")
    if token:
        if any(sign in token for sign in "\r\n\0"):
            raise typer.BadParameter("a token has no line breaks", param_hint="--token")
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape")  # whatever bytes the shell gave


def _words(told: Data) -> Iterator[str]:
    request, route, service = told["request"], told["route"], told["service"]
    yield title(f"{request['method']} {request['target']}") + f" for host {request['host'] or '-'}"
    if route is None:
        yield f"route: none ({told['failure']['why'] or told['failure']['code']})"
    else:
        goes = f" → {service['name']}" if service else ""
        yield f"route: {route['match']}{goes} ({route['origin']})"
        for name, value in route["params"].items():
            yield f"  {{{name}}} = {value}"
    if told["near"]:
        yield from _section("Routes that came near", _near(told["near"]))
    if told["stages"]:
        yield from _section("Stages", _stages(told["stages"]))
    if told["caller"]:
        yield from _section("Caller", [f"  {_caller(told['caller'])}"])
    if service:
        yield from _section(f"Service {service['name']}", _service(service))
    if told["forwarded"]:
        yield from _section("The service would get", _message(told["forwarded"]))
    if told["reply"]:
        yield from _section("The client would get, and no service is called", _message(told["reply"]))


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield title(heading)
    yield from lines


def _near(near: Iterable[Data]) -> list[str]:
    cells = [(one["match"], one["origin"], "; ".join(one["reasons"])) for one in near]
    return table(("", "", ""), cells, "  ")


def _stages(stages: list[Data]) -> Iterator[str]:
    head, *lines = table(
        ("STAGE", "VERDICT", "WRITTEN AT", "WHAT IT DOES"), [_stage(stage) for stage in stages], "  "
    )
    yield head
    for line, stage in zip(lines, stages, strict=True):
        yield line
        if stage["why"]:
            yield f"    → {stage['why']}"


def _stage(stage: Data) -> Cells:
    verdict = stage["verdict"]
    return (stage["key"], Cell(verdict, _COLOURS.get(verdict, "")), stage["origin"], stage["does"])


def _caller(caller: Data) -> str:
    roles = ", ".join(caller["roles"]) or "none"
    tenant = f", tenant {caller['tenant']}" if caller["tenant"] else ""
    return f"{caller['subject']} (roles: {roles}{tenant}), proven by {caller['proven_by']}"


def _service(service: Data) -> Iterator[str]:
    places = [
        f"{place} (runs beside the gateway)" if place.startswith("asgi:") else place
        for place in service["instances"]
    ]
    yield f"  instances: {', '.join(places)}"
    total = f", {service['total']} for the whole reply" if service["total"] else ""
    yield (
        f"  time-outs: {service['connect']} to connect, {service['timeout']} to the reply's headers, "
        f"{service['idle']} between its pieces{total}"
    )
    yield f"  breaker:   {_breaker(service['breaker'])}"
    yield f"  body:      up to {service['body']}"


def _breaker(breaker: Data | None) -> str:
    if breaker is None:
        return "off"
    opens = []
    if breaker["errors"] is not None:
        opens.append(
            f"at {breaker['errors']} failures of at least {breaker['volume']} calls in {breaker['window']}"
        )
    if breaker["consecutive"] is not None:
        opens.append(f"after {breaker['consecutive']} failures in a row")
    return f"opens {' or '.join(opens) or 'never'}, tries again after {breaker['reset']}"


def _message(message: Data) -> Iterator[str]:
    yield f"  {message['line']}"
    for name, value in message["headers"]:
        yield f"  {name}: {value}"
    if message["body"]:
        yield ""
        yield f"  {message['body']}"
