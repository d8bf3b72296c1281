"""docs/logs-and-metrics.md lists every audit event that some line of the gateway can tell, with its severity."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.unit.docs.pages import ROOT, page

Function = ast.FunctionDef | ast.AsyncFunctionDef

TOLD = {
    cells[0].strip("`"): set(re.findall(r"`(low|medium|high|critical)`", cells[1]))
    for cells in page("docs/logs-and-metrics.md").rows()
    if re.fullmatch(r"`[a-z_]+`", cells[0]) and re.search(r"`(low|medium|high|critical)`", cells[1])
}


def name_of(function: ast.expr) -> str:
    """`audit`, `_audit` or `note` of `audit(…)`, `self._audit(…)`, `self.note(…)`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def events(tree: ast.Module) -> Iterator[tuple[str | None, str | None]]:
    """(event, severity) of every audit line of a module; None for what cannot be read from the source."""
    scopes: list[ast.Module | ast.ClassDef] = [tree]
    scopes += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for scope in scopes:
        for function in (node for node in scope.body if isinstance(node, Function)):
            for call in calls_in(function):
                if name_of(call.func) not in ("audit", "_audit"):
                    continue
                severity = text(call.args[1])
                if text(call.args[0]) is not None:
                    yield text(call.args[0]), severity
                else:
                    for event in handed_in(function, calls_in(scope)):
                        yield event, severity


def calls_in(node: ast.AST) -> list[ast.Call]:
    return [found for found in ast.walk(node) if isinstance(found, ast.Call)]


def handed_in(function: Function, calls: list[ast.Call]) -> Iterator[str | None]:
    """What a function of a module is given as its `event`."""
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    if "event" not in names:
        yield None
        return
    place = names.index("event")
    behind = len(names) - place
    defaults = function.args.defaults
    default = defaults[-behind] if behind <= len(defaults) else None
    for call in calls:
        if name_of(call.func) == function.name:
            named = {keyword.arg: keyword.value for keyword in call.keywords}
            yield text(named.get("event", call.args[place] if place < len(call.args) else default))


def told_by_the_source() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted(Path(ROOT, "portico").rglob("*.py")):
        for event, severity in events(ast.parse(path.read_text(encoding="utf-8"))):
            assert event is not None, f"{path}: the event of an audit line is a name in the source"
            found.setdefault(event, set()).update({severity} if severity else ())
    return found


def test_every_event_is_on_the_page_and_every_one_there_is_told() -> None:
    assert sorted(TOLD) == sorted(told_by_the_source())


def test_severities_are_as_the_page_says() -> None:
    for event, severities in told_by_the_source().items():
        assert severities <= TOLD[event], event
