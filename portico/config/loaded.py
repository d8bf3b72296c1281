"""The way from a file to checked settings, and what is known about them besides their values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from portico.config.check import check
from portico.config.deprecated import RENAMED, Renamed, rename
from portico.config.extensions import StageTypes, adapters
from portico.config.files import resolve_files
from portico.config.load import Written, load_file, load_text, uncollected
from portico.config.marks import Marks
from portico.config.models.settings import Settings
from portico.config.problems import ConfigurationError, Problem, quote
from portico.config.validate import Parts, validate

PluginLoader = Callable[[str], tuple[str, Any]]
"""``package.module:Class`` → the stage's key and the type of its settings. May raise anything."""

REQUIRED = ("authenticate",)
"""Stage keys that every route states, itself or through ``defaults``."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is right, with the place of each value. Can be pickled."""

    settings: Settings
    marks: Marks
    warnings: tuple[Problem, ...]
    files: tuple[str, ...]


def load_settings(
    path: str | os.PathLike[str],
    stages: StageTypes,
    env: Mapping[str, str],
    *,
    required: Sequence[str] = REQUIRED,
    plugin: PluginLoader | None = None,
) -> Loaded:
    """Read and check a file. Raises ``ConfigurationError`` with everything that is wrong.

    ``stages``: stage key → type of its settings. ``required``: keys of stages that each route must state.
    ``plugin`` imports what the file names under ``stages:``.
    """
    return check_written(load_file(path, env), stages, required=required, plugin=plugin)


def load_settings_text(
    text: str,
    stages: StageTypes,
    env: Mapping[str, str] | None = None,
    *,
    name: str = "portico.yaml",
    files: Mapping[str, str] | None = None,
    required: Sequence[str] = REQUIRED,
    plugin: PluginLoader | None = None,
) -> Loaded:
    """The same for a text in memory; ``files`` are the only other files it can see."""
    return check_written(load_text(text, name, env, files), stages, required=required, plugin=plugin)


def check_written(
    written: Written,
    stages: StageTypes,
    *,
    required: Sequence[str] = REQUIRED,
    plugin: PluginLoader | None = None,
    renamed: Sequence[Renamed] = RENAMED,
) -> Loaded:
    """The settings of what was read. Raises ``ConfigurationError`` with everything that is wrong.

    ``written`` is used up: old names and paths of files are replaced in it.
    """
    problems = written.problems
    if not problems.marks.root.broken:
        rename(written, renamed)
        resolve_files(written)
        known = adapters(stages)
        known |= _plugins(written, plugin, known)
        with uncollected():
            parts = validate(written, known)
        check(written, parts, required, os.getcwd())
        problems.raise_if_any()
        return Loaded(_assemble(parts), written.marks, problems.warnings(), written.files)
    raise ConfigurationError(problems.found())


def _plugins(
    written: Written, plugin: PluginLoader | None, known: Mapping[str, TypeAdapter[Any]]
) -> dict[str, TypeAdapter[Any]]:
    """Validators for the stages that the file itself names."""
    names = written.tree.get("stages", [])
    found: dict[str, TypeAdapter[Any]] = {}
    for index, name in enumerate(names if isinstance(names, list) else [names]):
        if not isinstance(name, str) or not name:
            continue  # validation says so
        try:
            if plugin is None:
                raise LookupError("plug-in stages cannot be loaded here")
            key, kind = plugin(name)
            if key in known or key in found:
                raise LookupError(f'there is a stage with the key "{key}" already')
            found |= adapters({key: kind})
        except Exception as error:  # noqa: BLE001  a stranger's module may raise anything
            kind_of = "" if isinstance(error, LookupError | ValueError) else f"{type(error).__name__}: "
            written.problems.add(
                ("stages", index), f"cannot load the stage {{written}}: {kind_of}{error}", shown=quote(name)
            )
    return found


def _assemble(parts: Parts) -> Settings:
    return Settings.model_validate(
        {
            "version": 1,
            "include": parts.include,
            "gateway": parts.gateway,
            "logs": parts.logs,
            "identity": parts.identity,
            "roles": parts.roles,
            "services": parts.services,
            "hosts": parts.hosts,
            **({} if parts.venues is None else {"venues": parts.venues}),
            "defaults": parts.defaults,
            "routes": tuple(parts.routes.values()),
            "stages": parts.plugins,
            "development": parts.development,
        }
    )
