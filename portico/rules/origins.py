"""Which web origins may read replies: exact ones, and whole labels in the place of `*` (Fetch, section 3.2).

An origin is compared byte by byte, as browsers send it: in lower case, without a default port. `null` is never
allowed: every sandboxed page has it. What follows a pattern is decided once and remembered, within a bound, since
clients choose what they send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 256  # bytes; a host has at most 253
_REMEMBERED = 1024
_LABELS = r"(?:[a-z0-9_-]+[.])+"
_LOCALHOST = r"https?://(?:localhost|127[.]0[.]0[.]1|\[::1\])(?::[0-9]{1,5})?"


class Origins:
    """The origins of one rule. `written` as in the configuration; `localhost`: this machine, on any port."""

    __slots__ = ("_exact", "_fits", "_known")

    def __init__(self, written: Iterable[str], localhost: bool) -> None:
        origins = tuple(written)
        self._exact = frozenset([one.encode("ascii") for one in origins if "*" not in one])
        patterns = [re.escape(one).replace(r"\*\.", _LABELS) for one in origins if "*" in one]
        if localhost:
            patterns.append(_LOCALHOST)
        self._fits = re.compile("|".join(patterns).encode("ascii")) if patterns else None
        self._known: dict[bytes, bool] = {}

    def allow(self, origin: bytes) -> bool:
        """Whether the page of this origin may read."""
        if origin in self._exact:
            return True
        fits = self._fits
        if fits is None or len(origin) > _LONGEST:
            return False
        verdict = self._known.get(origin)
        if verdict is None:
            verdict = fits.fullmatch(origin) is not None
            if len(self._known) < _REMEMBERED:
                self._known[origin] = verdict
        return verdict

    def __repr__(self) -> str:
        return f"<Origins {len(self._exact)} exact, {len(self._known)} remembered>"
