"""Every stage that a configuration may use: the built-in ones, those of installed packages, those that it names.

Packages register theirs under the entry point group `portico.stages`; a configuration names others under `stages:`
as `package.module:Class`. Whatever the road, a stage is the same thing (design decision 8). A stage that cannot be
loaded stops the start: nothing configured is ignored.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from portico.config.extensions import ROUTE_KEYS
from portico.config.problems import did_you_mean
from portico.exchange.stage import Phase, Stage, Stages

from .access_log import AccessLogStage
from .addresses import AddressesStage
from .authenticate import AuthenticateStage
from .authorize import AuthorizeStage
from .cors import CorsStage
from .hosts import HostsStage
from .metrics import MetricsStage
from .rate_limit import RateLimitStage
from .revocation import RevocationStage
from .security_headers import SecurityHeadersStage
from .session import SessionStage
from .tokens import TokensStage
from .user_details import UserDetailsStage
from .venue import VenueStage

GROUP = "portico.stages"
BUILT_IN: tuple[type[Stage[Any]], ...] = (
    MetricsStage,
    AccessLogStage,
    SecurityHeadersStage,
    CorsStage,
    AddressesStage,
    RateLimitStage,
    AuthenticateStage,
    UserDetailsStage,
    HostsStage,
    VenueStage,
    AuthorizeStage,
    RevocationStage,
    TokensStage,
    SessionStage,
)

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")
_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")


class StageError(Exception):
    """A stage cannot be used. The message is for the person who installed or named it."""


def load_stages(extra: Sequence[str] = ()) -> dict[str, Stage[Any]]:
    """Every stage by its key: built in, installed, and those of `extra` (`package.module:Class`).

    Raises StageError with a line for each stage that cannot be used.
    """
    registry = _Registry()
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = point.dist.name if point.dist is not None else "an unknown package"
        registry.load(point.value, f"the package {package}")
    for reference in extra:
        registry.load(reference, "the configuration")
    if registry.problems:
        raise StageError("\n".join(registry.problems))
    return registry.stages


def stage_types(stages: Stages) -> dict[str, Any]:
    """The type of each stage's settings by its key, for those that have a key to write (`portico.config`)."""
    return {key: stage.settings for key, stage in stages.items() if stage.settings is not None}


def load_stage(reference: str) -> Stage[Any]:
    """The stage that `package.module:Class` names. Raises StageError, whatever its module does."""
    if not _REFERENCE.match(reference):
        raise StageError(f'"{reference}" names no class: write package.module:Class')
    module_name, _, class_name = reference.partition(":")
    module = _module(module_name)
    found = getattr(module, class_name, None)
    if found is None:
        stages = [name for name, value in vars(module).items() if _is_stage(value)]
        hint = did_you_mean(class_name, stages)
        raise StageError(f"{module_name} has no {class_name}" + (f" – {hint}" if hint else ""))
    if not _is_stage(found):
        raise StageError(
            f"{reference} is no stage: a stage is a class that derives from portico.plugin.Stage"
        )
    return _made(found, reference)


def _is_stage(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Stage) and value is not Stage


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise StageError(f"there is no module {error.name}: is its package installed here?") from error
        raise StageError(f"{name} needs the module {error.name}, which is not installed") from error
    except Exception as error:  # a stranger's module may raise anything
        raise StageError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def _made(kind: type[Stage[Any]], reference: str) -> Stage[Any]:
    key, phase = getattr(kind, "key", None), getattr(kind, "phase", None)
    if not isinstance(key, str) or not _KEY.match(key):
        raise StageError(f'{reference} has no usable key: write key = "lower_case_name"')
    if key in ROUTE_KEYS or key == "stages":
        raise StageError(f'{reference} cannot have the key "{key}": every route has it already')
    if any(key == own.key and kind is not own for own in BUILT_IN):
        raise StageError(f'{reference} cannot have the key "{key}": it is that of a built-in stage')
    if not isinstance(phase, Phase):
        raise StageError(f"{reference} has no phase: write phase = Phase.GUARD, or another")
    if not hasattr(kind, "settings"):
        raise StageError(f"{reference} has no settings: write settings = the type of its settings")
    try:
        TypeAdapter(kind.settings)
        return kind()
    except PydanticUserError as error:
        raise StageError(
            f"the settings of {reference} are no type that pydantic knows: {error.message}"
        ) from error
    except Exception as error:  # a stranger's constructor may raise anything
        raise StageError(f"{reference} cannot be made: {type(error).__name__}: {error}") from error


class _Registry:
    """Stages by key, and why others are missing."""

    def __init__(self) -> None:
        self.stages: dict[str, Stage[Any]] = {kind.key: kind() for kind in BUILT_IN}
        self.problems: list[str] = []
        self._origins: dict[str, str] = {}

    def load(self, reference: str, origin: str) -> None:
        try:
            self._add(load_stage(reference), origin)
        except StageError as error:
            self.problems.append(f"a stage of {origin} cannot be used: {error}")

    def _add(self, stage: Stage[Any], origin: str) -> None:
        present = self.stages.setdefault(stage.key, stage)
        if present is stage:
            self._origins[stage.key] = origin
        elif type(present) is not type(stage):  # the same class may be both installed and named
            self.problems.append(f'both {self._origins[stage.key]} and {origin} bring a stage "{stage.key}"')
