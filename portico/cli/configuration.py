"""From what a person names to a compiled configuration: a file of their own, or a profile that came with the package.

A file wins over a profile of the same name. What is wrong becomes `Trouble` with every problem at once.
"""

from __future__ import annotations

import os
from importlib import resources
from typing import TYPE_CHECKING

from portico.cli.text import problem_line
from portico.cli.trouble import CONFIGURATION, Trouble

if TYPE_CHECKING:
    from portico.gateway.check import Offline

DEFAULT_FILE = "portico.yaml"
_PROFILES = "profiles"
_SUFFIX = ".yaml"


def find_file(written: str) -> str:
    """The path to read for what was written: that file, or the profile `psa` for `psa` and `profiles/psa.yaml`."""
    if os.path.exists(written) and not os.path.isdir(written):
        return written
    profiles = _profiles()
    folder, name = os.path.split(written)
    path = profiles.get(name.removesuffix(_SUFFIX)) if folder in ("", _PROFILES) else None
    if path is not None:
        near = os.path.relpath(path)
        return path if near.startswith(os.pardir) else near
    if os.path.isdir(written):
        raise Trouble(f"{written} is a folder – name a file in it", code=CONFIGURATION)
    remedy = 'write a first one with "portico init"' if written == DEFAULT_FILE else "check the name"
    if profiles:
        remedy += f", or name a profile: {', '.join(sorted(profiles))}"
    raise Trouble(f"there is no file {written} – {remedy}", code=CONFIGURATION)


def _profiles() -> dict[str, str]:
    """Name → path of each installed profile."""
    try:
        folder = resources.files(_PROFILES)
    except ModuleNotFoundError:
        return {}
    return {
        entry.name.removesuffix(_SUFFIX): str(entry)
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIX)
    }


def compiled(written: str) -> Offline:
    """The configuration that was named, checked and compiled by the gateway's own compiler. Raises `Trouble`."""
    from portico.config import ConfigurationError

    path = find_file(written)
    try:
        return load(path)
    except ConfigurationError as error:
        raise Trouble(*map(problem_line, error.problems), code=CONFIGURATION) from None


def load(path: str) -> Offline:
    """The same for a path, with problems as they are. Raises `ConfigurationError`."""
    from portico.gateway.check import load_offline
    from portico.services.child import import_from_here

    import_from_here()  # a configuration may name stages that lie beside it
    return load_offline(path, os.environ)
