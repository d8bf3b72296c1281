"""A configuration compiled without being served: for `portico check`, `explain`, and the supervisor's reload.

It is compiled by the same compiler as in a worker, so what passes here compiles there (design decision 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from portico.config import ConfigurationError, Loaded, Problem, load_settings
from portico.http.entrance import Entrance
from portico.stages import StageError, load_stage, load_stages, stage_types

from .gateway import Gateway
from .road import Road
from .runtime import Runtime


class Nobody:
    """The cluster of a gateway that does not serve."""

    store: str | None = None

    async def snapshots(self) -> list[Mapping[str, object]]:
        """There are no workers."""
        return []

    def tell(self, message: dict[str, object]) -> None:
        """There are no siblings."""


@dataclass(frozen=True, slots=True)
class Offline:
    """A compiled configuration and the road that its chains lead along. Nothing is connected or opened."""

    loaded: Loaded
    runtime: Runtime
    road: Road
    entrances: tuple[Entrance, ...]
    warnings: tuple[Problem, ...]


def load_checked(path: str, env: Mapping[str, str]) -> Loaded:
    """Read, check and compile a file. Raises ConfigurationError with everything that is wrong.

    Its warnings are all that there are, those of compiling it among them.
    """
    offline = load_offline(path, env)
    return replace(offline.loaded, warnings=offline.warnings)


def load_offline(path: str, env: Mapping[str, str]) -> Offline:
    """The same, with what was compiled."""
    try:
        stages = load_stages()
    except StageError as error:
        raise ConfigurationError([Problem(path, 1, 1, "", str(error))]) from error
    loaded = load_settings(path, stage_types(stages), env, plugin=_plugin)
    return compile_offline(loaded)


def compile_offline(loaded: Loaded, children: Mapping[str, str] | None = None) -> Offline:
    """Compile checked settings. Raises ConfigurationError."""
    gateway = Gateway(cluster=Nobody(), worker=0)
    compiler = gateway.compiler(loaded.settings, children or {}, loaded.marks)
    for _ in compiler.steps():
        pass
    runtime = compiler.commit()
    gateway.road.runtime = runtime
    return Offline(loaded, runtime, gateway.road, compiler.entrances, loaded.warnings + compiler.warnings())


def _plugin(reference: str) -> tuple[str, object]:
    stage = load_stage(reference)
    return stage.key, stage.settings
