"""`portico check`: everything that is wrong with configurations, and what a reviewer should look at.

The gateway's own compiler is the judge, so what passes here starts. Where a secret came from is never told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from portico.cli.configuration import DEFAULT_FILE, find_file, load
from portico.cli.text import complain, count, problem_line, say, say_json, table, title
from portico.cli.trouble import CONFIGURATION, Trouble

if TYPE_CHECKING:
    from portico.cli.table import Row
    from portico.config import Problem
    from portico.http.certificates import Certificate


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one file. `trouble` says why it could not even be read."""

    file: str
    problems: tuple[Problem, ...]
    rows: tuple[Row, ...]
    certificates: tuple[tuple[str, Certificate], ...] = ()
    trouble: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the gateway would start with it."""
        return not self.trouble and all(problem.severity == "warning" for problem in self.problems)

    @property
    def public(self) -> list[Row]:
        """The routes that are open to everybody."""
        return [row for row in self.rows if row.public]


def check(
    files: list[str] = typer.Argument(
        None, metavar="FILE", help=f"Configurations, or names of profiles.  [default: {DEFAULT_FILE}]"
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON for a script."),
) -> None:
    """Tell all that is wrong with configurations.

    Also warns of routes that no request reaches, and lists those that are open to everybody.
    """
    findings = [_look(file) for file in files or [DEFAULT_FILE]]
    if as_json:
        say_json({"ok": all(one.good for one in findings), "files": [_as_json(one) for one in findings]})
    else:
        for one in findings:
            _tell(one)
    if not all(one.good for one in findings):
        raise typer.Exit(CONFIGURATION)


def _look(file: str) -> Finding:
    from portico.cli.table import rows, unreachable
    from portico.config import ConfigurationError
    from portico.gateway.entrances import shown_certificates

    try:
        offline = load(find_file(file))
    except Trouble as trouble:
        return Finding(file, (), (), trouble=trouble.lines)
    except ConfigurationError as error:
        return Finding(file, error.problems, ())
    runtime, marks = offline.runtime, offline.loaded.marks
    warnings = sorted({*offline.warnings, *unreachable(runtime, marks)})
    certificates = shown_certificates(runtime.settings.gateway.listen, offline.entrances)
    return Finding(file, tuple(warnings), tuple(rows(runtime, marks)), tuple(certificates))


def _tell(finding: Finding) -> None:
    complain(finding.trouble)
    complain(map(problem_line, finding.problems))
    if not finding.good:
        number = len(finding.trouble) + sum(one.severity == "error" for one in finding.problems)
        complain([f"{finding.file}: {count(number, 'problem')}"])
        return
    own = sum(row.route is None for row in finding.rows)
    say([f"{finding.file}: good, with {count(len(finding.rows) - own, 'route')}"])
    if finding.certificates:
        from portico.http.certificates import date

        say([title("certificates")])
        say(
            table(
                ("", "", ""),
                [
                    (address, " ".join(one.names) or "no host", f"until {date(one.ends)}")
                    for address, one in finding.certificates
                ],
                "  ",
            )
        )
    if finding.public:
        say([title("public routes (authenticate: none)")])
        say(
            table(
                ("", "", ""),
                [(row.label, row.chain.label.service, row.origin) for row in finding.public],
                "  ",
            )
        )


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "ok": finding.good,
        "trouble": list(finding.trouble),
        "problems": [problem.as_json() for problem in finding.problems],
        "certificates": [
            {"address": address, "names": list(one.names), "starts": one.starts, "ends": one.ends}
            for address, one in finding.certificates
        ],
        "public": [
            {
                "match": row.match,
                "methods": row.methods,
                "hosts": row.hosts,
                "service": row.chain.label.service,
                "origin": row.origin,
            }
            for row in finding.public
        ],
    }
