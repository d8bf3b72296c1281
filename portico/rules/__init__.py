"""Pure decisions: when to stop calling a service, which of its instances is next, who has asked too often.

Plain classes that are given `now`; they never await, log, or read a clock, and import nothing else of
Portico.
"""

from .balancer import Balancer, RoundRobin
from .breaker import REFUSED, Breaker, BreakerRule, BreakerStats, Cause, State, Transition
from .limiter import OVER, Limiter, LimitRule, Together, Verdict
from .limits import Limits

__all__ = [
    "OVER",
    "REFUSED",
    "Balancer",
    "Breaker",
    "BreakerRule",
    "BreakerStats",
    "Cause",
    "LimitRule",
    "Limiter",
    "Limits",
    "RoundRobin",
    "State",
    "Together",
    "Transition",
    "Verdict",
]
