"""How a validator says what is wrong with a value, so that the value itself can be kept out of the text."""

from __future__ import annotations

from typing import Final

from pydantic_core import PydanticCustomError

from portico.config.problems import quote

REFUSED: Final = "refused"
"""The type of the errors that ``refuse`` makes."""


def refuse(reason: str, written: object, suggestion: str = "") -> PydanticCustomError:
    """The error to raise from a validator.

    ``{written}`` in ``reason`` stands for the value. Leave it to this placeholder to show the value: it is shown as
    ``${NAME}`` if it came from a variable or a secret file.
    """
    context = {"written": quote(written), "suggestion": suggestion, "reason": reason}
    return PydanticCustomError(REFUSED, reason, context)
