"""What can only be judged by looking at several keys at once.

Works on the parts that are right by themselves, so that these problems are reported together with those of single
values. Pure: what it needs to know of the outside is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence

from portico.config.load import Written
from portico.config.validate import Parts


def check(written: Written, parts: Parts, required: Sequence[str], folder: str) -> None:
    """Add a problem for everything that does not fit together. ``folder``: the working directory."""
    _stated(written, required)


def _stated(written: Written, required: Sequence[str]) -> None:
    pass
