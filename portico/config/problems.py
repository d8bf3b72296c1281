"""What is wrong with a configuration, said to a person: place, reason and, where one is known, a remedy.

Problems are collected, never raised one by one, so that a file is repaired in one go. Text that came from a
variable or a secret file is never shown: the collector replaces it by the way that it was written.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from portico.config.marks import Mark, Marks, Path, Place, show_path

Severity = Literal["error", "warning"]

# A secret shorter than this could not be found in a text without also hitting ordinary words and numbers;
# at its own path it is hidden whatever its length.
_SECRET_LENGTH = 8


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to repair (``error``) or to know (``warning``); ``str()`` is the line that a person reads."""

    file: str
    line: int
    column: int
    path: str
    reason: str
    suggestion: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        parts = [f"{self.file}:{self.line}:{self.column}"]
        if self.severity == "warning":
            parts.append("warning")
        if self.path:
            parts.append(self.path)
        text = ": ".join([*parts, self.reason])
        return f"{text} – {self.suggestion}" if self.suggestion else text

    def as_json(self) -> dict[str, str | int]:
        """The same for scripts (``portico check --json``)."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "reason": self.reason,
            "suggestion": self.suggestion,
            "severity": self.severity,
        }


class ConfigurationError(Exception):
    """The configuration cannot be used. ``problems`` holds everything that is wrong, in order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class Problems:
    """Collects problems; finds their places by path and hides what came from variables and secret files."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self._found: set[Problem] = set()

    def at_mark(
        self, mark: Mark, path: Path, reason: str, suggestion: str = "", severity: Severity = "error"
    ) -> None:
        """Add a problem whose place is known. The caller answers for the reason: it must show no secret."""
        reason = _on_one_line(reason)
        self._found.add(
            Problem(
                mark.file, mark.line, mark.column, _on_one_line(show_path(path)), reason, suggestion, severity
            )
        )

    def add(
        self,
        path: Path,
        reason: str,
        suggestion: str = "",
        *,
        severity: Severity = "error",
        shown: str = "",
        on_key: bool = False,
        foreign: bool = True,
    ) -> None:
        """Add a problem with what was written at ``path``.

        ``{written}`` in ``reason`` and ``suggestion`` stands for ``shown``, or for ``"${NAME}"`` if the value came
        from a variable. ``on_key`` puts the problem at the key instead of the value. ``foreign``: the words may
        have the value in them by other ways. Nothing is added for a value that could not even be read: that is a
        problem already.
        """
        place, _ = self.marks.find(path)
        if place.broken:
            return
        shown = shown if place.secret is None else quote(place.written)
        reason, suggestion = reason.replace("{written}", shown), suggestion.replace("{written}", shown)
        if foreign:
            secrets = [below for below in place if below.secret]
            reason, suggestion = _hide(reason, secrets), _hide(suggestion, secrets)
        if not suggestion.isprintable():
            suggestion = ""  # a value with a line break is in it: nothing that could be written like this
        self.at_mark(place.key if on_key else place.shown, path, reason, suggestion, severity)

    def found(self) -> tuple[Problem, ...]:
        """Everything found, in order of file and line, without the text of any secret."""
        secrets = [place for place in self.marks.root if place.secret and len(place.secret) >= _SECRET_LENGTH]
        if not self._found or not secrets:
            return tuple(sorted(self._found))
        secrets.sort(key=lambda place: len(place.secret or ""), reverse=True)
        return tuple(
            sorted(
                replace(
                    problem,
                    reason=_hide(problem.reason, secrets),
                    suggestion=_hide(problem.suggestion, secrets),
                )
                for problem in self._found
            )
        )

    def warnings(self) -> tuple[Problem, ...]:
        """What a person should know, though the configuration can be used."""
        return tuple(problem for problem in self.found() if problem.severity == "warning")

    def raise_if_any(self) -> None:
        """Raise everything that was found, warnings too, if any of it is an error."""
        if any(problem.severity == "error" for problem in self._found):
            raise ConfigurationError(self.found())


def _on_one_line(text: str) -> str:
    """A key, a name or a value with line breaks can be in it."""
    return "\\n".join(text.splitlines())


def _hide(text: str, places: Iterable[Place]) -> str:
    for place in places:
        if place.secret and place.secret != place.written:
            text = text.replace(place.secret, place.written)
    return text


def quote(value: object) -> str:
    """A written value as it is shown in a problem: short, in double quotes, structures only by their kind."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _short(str(value))
    if isinstance(value, str):
        text = _short(value)
        return '"' + text.replace("\n", "\\n") + '"'
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple | set | frozenset) else str(type(value).__name__)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``did you mean "tickets"?`` for a name that is close to a known one, else nothing."""
    return _closest(str(name), frozenset(known)) if isinstance(name, str) else ""


# One misspelt service may be named by a thousand routes.
@lru_cache(maxsize=256)
def _closest(name: str, known: frozenset[str]) -> str:
    by_case = {candidate.lower(): candidate for candidate in sorted(known)}
    close = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0.6)
    return f'did you mean "{by_case[close[0]]}"?' if close else ""
