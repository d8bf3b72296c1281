"""What can be measured: each scenario is a module here with NAME, TITLE and `run(bench) -> Result`."""

from __future__ import annotations

import importlib
from typing import Protocol

from bench.results import Result
from bench.runner import Bench

SCENARIOS = ("get", "post", "latency", "bodies", "routes", "idle", "workers", "reload", "keys", "store")
"""In the order of the report. A module joins by its name here."""


class Scenario(Protocol):
    """What a module here has."""

    NAME: str
    TITLE: str

    def run(self, bench: Bench) -> Result: ...


def chosen(words: list[str]) -> list[Scenario]:
    """The scenarios of these names, in the order of the report; all for no words. Raises `ValueError`."""
    if unknown := [word for word in words if word not in SCENARIOS]:
        raise ValueError(f"no scenario {unknown[0]!r}; there are: {', '.join(SCENARIOS)}")
    return [_load(name) for name in SCENARIOS if not words or name in words]


def _load(name: str) -> Scenario:
    module: Scenario = importlib.import_module(f"{__name__}.{name}")
    return module
