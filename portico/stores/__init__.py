"""What workers and gateways share: revocations, limits, and the records of sessions, tokens and keys.

Every store speaks the verbs of `interface.Store`; one contract suite holds for all of them (tests/contract).
"""

from .interface import (
    PASSED,
    Ask,
    Judged,
    Kind,
    Outcome,
    Spend,
    Store,
    StoreAwayError,
)
from .memory import MemoryStore

__all__ = [
    "PASSED",
    "Ask",
    "Judged",
    "Kind",
    "MemoryStore",
    "Outcome",
    "Spend",
    "Store",
    "StoreAwayError",
]
