"""How long to wait before a dead process is started again: doubling waits, forgotten once it has been stable.

A pure rule: it is told how long the process lived, and reads no clock.
"""

from __future__ import annotations


class Backoff:
    """`first_s`, then twice as long each time up to `last_s`. A life of `stable_s` or more starts over.

    `failures` counts the deaths in a row that came before the process was of any use.
    """

    __slots__ = ("failures", "first_s", "last_s", "next_s", "stable_s")

    def __init__(self, first_s: float = 0.1, last_s: float = 10.0, stable_s: float = 10.0) -> None:
        self.first_s = first_s
        self.last_s = last_s
        self.stable_s = stable_s
        self.next_s = first_s
        self.failures = 0

    def died(self, useful_s: float) -> float:
        """Seconds to wait, after a process that was of use (served, was ready) for `useful_s` seconds."""
        self.failures = self.failures + 1 if useful_s <= 0 else 0
        if useful_s >= self.stable_s:
            self.next_s = self.first_s
        wait_s, self.next_s = self.next_s, min(self.next_s * 2, self.last_s)
        return wait_s

    def __repr__(self) -> str:
        return f"<Backoff next {self.next_s:g} s, {self.failures} failures in a row>"
