"""When an issuer's keys are fetched, and how long they may be used. Pure: it is given monotonic seconds.

Refreshed in the background at 80 % of their life, so that a request waits for keys only when a token names one that
nobody has seen. Who answers says how long the life is (`Cache-Control`, RFC 9111 section 5.2.2), within bounds. When
the issuer does not answer, the last good keys are used until they are stale.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from portico.exchange.fields import Field

SHORTEST_S, LONGEST_S = 60.0, 24 * 3600.0  # of a life that the issuer states
_REFRESHED_AT = 0.8
_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 30.0

_AGE = re.compile(rb"(?:\A|[,\s])(s-maxage|max-age)\s*=\s*\"?([0-9]{1,9})(?![0-9])", re.ASCII)
_NO = re.compile(rb"(?:\A|[,\s])no-(?:store|cache)(?:\s*(?:,|\Z))", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Seconds. `life_s` where the issuer states none; `stale_s` of the last good keys since they came; `refetch_s`
    between two fetches because of unknown keys; `timeout_s` for a fetch, and for a request that waits for one."""

    life_s: float = 600.0
    stale_s: float = 86_400.0
    refetch_s: float = 30.0
    timeout_s: float = 5.0


class KeyLife:
    """`due` is when to fetch next, `ends` when what there is must no longer be used; inf where there is nothing."""

    __slots__ = ("_failures", "_refetched", "due", "ends", "rules")

    def __init__(self, rules: KeyRules) -> None:
        self.rules = rules
        self.due = -inf
        self.ends = inf
        self._failures = 0
        self._refetched = -inf

    def is_failing(self) -> bool:
        """Whether the last fetch brought nothing."""
        return self._failures > 0

    def fetched(self, now: float, stated_s: float | None) -> None:
        """Keys came, and who sent them stated this life, if any."""
        life_s = self.rules.life_s if stated_s is None else min(max(stated_s, SHORTEST_S), LONGEST_S)
        self._failures = 0
        self.due = now + _REFRESHED_AT * life_s
        self.ends = now + max(life_s, self.rules.stale_s)

    def failed(self, now: float) -> None:
        """None came: again soon, and less and less soon."""
        self.due = now + min(_FIRST_RETRY_S * 2.0**self._failures, _LAST_RETRY_S)
        self._failures = min(self._failures + 1, 10)

    def may_refetch(self, now: float) -> bool:
        """Whether a key that nobody knows is worth a fetch. True counts as one."""
        if now < self._refetched + self.rules.refetch_s:
            return False
        self._refetched = now
        return True

    def __repr__(self) -> str:
        return f"<KeyLife due {self.due:.0f}, ends {self.ends:.0f}, {self._failures} failures>"


def stated_life(fields: Sequence[Field]) -> float | None:
    """How long a reply may be kept as its `Cache-Control` and `Age` say, in seconds; None when they do not."""
    written = b",".join(value for name, value in fields if name == b"cache-control").lower()
    if not written:
        return None
    if _NO.search(written):
        return 0.0
    ages = {name: int(seconds) for name, seconds in _AGE.findall(written)}
    stated = ages.get(b"s-maxage", ages.get(b"max-age"))
    if stated is None:
        return None
    age = next((value for name, value in fields if name == b"age"), b"0")
    return float(max(stated - (int(age) if age.isdigit() and len(age) < 10 else 0), 0))
