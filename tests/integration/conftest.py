"""Every test here ends with a look at the gateways that run: see `tests.leaks`."""

from tests.leaks import leaves_nothing

__all__ = ["leaves_nothing"]
