"""What an unquoted YAML scalar means: the core schema of YAML 1.2 (§10.3.2) and nothing else.

``on``, ``no`` and ``22:22`` are text here; YAML 1.1, which most libraries read, makes True, False and 1342 of them.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", re.ASCII)
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")

# Python refuses to read longer ones (a guard against quadratic time), and no setting needs them.
_MOST_DIGITS = 400


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises ``ValueError`` for a number that no setting could mean."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INFINITE.match(text):
        raise ValueError("is not a finite number")
    octal, hexadecimal = _OCTAL.match(text), _HEXADECIMAL.match(text)
    integer = _INTEGER.match(text)
    if not (integer or octal or hexadecimal or _FLOAT.match(text)):
        return text
    if len(text) > _MOST_DIGITS:
        raise ValueError("is too long for a number")
    if octal:
        return int(text[2:], 8)
    if hexadecimal:
        return int(text[2:], 16)
    if integer:
        return int(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("is too large for a number")
    return number
