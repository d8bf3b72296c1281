"""How each service behaves now: its latency and its failures, and what it has counted.

The environment says how it begins. `PUT /<service>/behaviour` changes it, for drills and tests: a path that no gateway
route leads to, since those all have `/api/v1` behind the service's name.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from http import HTTPStatus

from samples.platform.errors import ApiError
from samples.resource.settings import Behaviour, ServiceSettings


class BrokenError(ApiError):
    """The failure that a service was told to have."""

    def __init__(self, status: int) -> None:
        super().__init__("The service was told to fail")
        self.status = HTTPStatus(status) if status in _KNOWN else HTTPStatus.INTERNAL_SERVER_ERROR


_KNOWN = frozenset(HTTPStatus)


class Conduct:
    """One service's behaviour. Failures are spread evenly: `50%` is every other request."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.now: Behaviour = settings
        self.answered: Counter[tuple[str, int]] = Counter()
        self._owed = 0.0

    async def act(self) -> None:
        """Take the time that the service takes; fail when it is time to."""
        if self.now.latency:
            await asyncio.sleep(self.now.latency)
        self._owed += self.now.failing
        if self._owed >= 1:
            self._owed -= 1
            raise BrokenError(self.now.status)

    def change(self, behaviour: Behaviour) -> None:
        """Behave otherwise from now on."""
        self.now = behaviour
        self._owed = 0.0

    def well(self) -> bool:
        """Whether anything succeeds."""
        return self.now.failing < 1

    def metrics(self, name: str) -> str:
        """What it has answered, for Prometheus."""
        lines = ["# TYPE resource_requests_total counter"]
        lines += [
            f'resource_requests_total{{service="{name}",method="{method}",status_code="{status}"}} {count}'
            for (method, status), count in sorted(self.answered.items())
        ]
        return "\n".join(lines) + "\n"
