"""``${NAME}``, ``${NAME:-default}`` and ``${file:/path}`` in scalars that are parsed already. A default may hold a
further reference, which is looked at only when it is needed: ``${NAME:-${OTHER:-default}}``.

Never in the text of the file: a value with a quote or a line break in it could change the structure. Says what
is wrong without showing a value, and marks what it put in so that nobody else shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portico.config.problems import did_you_mean, quote
from portico.config.scalars import resolve

# The inside may hold references itself, but those none.
_REFERENCE = re.compile(r"\$\$\{|\$\{((?:\$\{[^}]*\}|[^}])*)(\})?")
_INNER = re.compile(r"\$\{[^}]*\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HOW = "write ${NAME}, ${NAME:-default} or ${file:/path}; $${ stands for a plain ${"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a reference cannot be replaced, and what to do about it."""

    reason: str
    suggestion: str


class Variable(str):
    """The text of a variable that is the whole of a scalar. It has no type of its own.

    Where text is wanted it is text, also a password of digits only; where a number or a truth value is wanted it is
    read as YAML would (``typed``), in quotes or not: within ``{…}`` YAML demands the quotes.
    """

    plain = True

    @classmethod
    def of(cls, text: str, *, plain: bool) -> Variable:
        variable = cls(text)
        variable.plain = plain
        return variable


def typed(value: object) -> object:
    """What a variable's text means as an unquoted scalar; any other value as it is."""
    if not isinstance(value, Variable):
        return value
    try:
        return resolve(str(value)) if value else ""
    except ValueError:
        return str(value)


@dataclass(frozen=True, slots=True)
class Substituted:
    """A scalar with its references replaced.

    ``alone``: the scalar was one ``${NAME}`` and nothing else. ``secret``: the text came, wholly or partly, from
    outside the file.
    """

    text: str
    alone: bool
    secret: bool
    faults: tuple[Fault, ...] = ()


def substitute(text: str, env: Mapping[str, str], read: Callable[[str], str]) -> Substituted:
    """Replace every reference in ``text``. ``read`` gives a file's text and raises ``OSError`` or ``ValueError``."""
    pieces: list[str] = []
    faults: list[Fault] = []
    secret = alone = False
    end = 0
    for found in _REFERENCE.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        if found[0] == "$${":
            pieces.append("${")
            continue
        value = _value(found[1], found[2] is not None, env, read)
        if isinstance(value, Substituted):
            faults += value.faults
            value = value.text
        if isinstance(value, Fault):
            faults.append(value)
            continue
        pieces.append(value)
        secret = True
        # What a secret file holds is text, also if it happens to be all digits.
        alone = found.span() == (0, len(text)) and not found[1].startswith("file:")
    pieces.append(text[end:])
    return Substituted("".join(pieces), alone, secret, tuple(faults))


def _shown(inside: str) -> str:
    return quote(f"${{{inside}}}")


def _value(
    inside: str, closed: bool, env: Mapping[str, str], read: Callable[[str], str]
) -> str | Fault | Substituted:
    if not closed:
        return Fault('"${" is not closed by "}"', _HOW)
    before, separator, written = inside.partition(":-")
    if "${" in before or written.count("${") != len(_INNER.findall(written)):
        return Fault(f"{_shown(inside)} has a reference where none can be", "only a default may hold some")
    if "${" in written:
        if not _NAME.match(before):
            return Fault(f"{_shown(inside)} names no variable", _HOW)
        return env.get(before) or substitute(written, env, read)
    if inside.startswith("file:"):
        path = inside.removeprefix("file:").strip()
        try:
            return read(path)
        except OSError as error:
            return Fault(
                f"cannot read the file {quote(path)}: {(error.strerror or 'unreadable').lower()}", ""
            )
        except ValueError as error:
            return Fault(f"cannot use the file {quote(path)}: {error}", "")
    name, has_default, default = before, separator, written
    if not _NAME.match(name):
        return Fault(f"{_shown(inside)} names no variable", _HOW)
    if has_default:
        return env.get(name) or default
    if name in env:
        return env[name]
    return Fault(
        f"the environment variable {name} is not set",
        did_you_mean(name, env) or f"set it, or give a default: ${{{name}:-default}}",
    )
