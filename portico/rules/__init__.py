"""Pure decisions: when to stop calling a service, and which of its instances is next.

Plain classes that are given `now`; they never await, log, or read a clock, and import nothing else of
Portico.
"""

from .balancer import Balancer, RoundRobin
from .breaker import REFUSED, Breaker, BreakerRule, BreakerStats, Cause, State, Transition

__all__ = [
    "REFUSED",
    "Balancer",
    "Breaker",
    "BreakerRule",
    "BreakerStats",
    "Cause",
    "RoundRobin",
    "State",
    "Transition",
]
