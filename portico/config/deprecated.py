"""Keys that were renamed: the old spelling is read with a warning until the version that removes it.

Works on the plain tree before anything is validated, so that no model knows old names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portico.config.load import Written
from portico.config.walk import walk


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key that had another name before, in the same place.

    ``old``: the old key's path; ``*`` stands for any name, ``[]`` for any item. ``new``: the key's name now, the last
    part of its path. ``until``: the version of Portico that will refuse the old name.
    """

    old: str
    new: str
    until: str


RENAMED: tuple[Renamed, ...] = ()
"""The renamed keys of this version of the language. None so far."""


def rename(written: Written, renamed: Sequence[Renamed]) -> None:
    """Put the present names in the place of old ones, with a warning for each; with an error if both are there."""
    # Outer keys first, so that the paths of inner ones lead through present names.
    for entry in sorted(renamed, key=lambda entry: entry.old.count(".")):
        for found in list(walk(written, entry.old)):
            if entry.new in found.parent:
                written.problems.add(
                    found.path,
                    f"is the old name of {entry.new}, which is here too",
                    "keep the new one",
                    on_key=True,
                    foreign=False,
                )
            else:
                written.problems.add(
                    found.path,
                    f"is called {entry.new} now",
                    f"rename it; Portico {entry.until} will not read the old name",
                    severity="warning",
                    on_key=True,
                    foreign=False,
                )
                found.parent[entry.new] = found.value
                found.places[entry.new] = found.place
            del found.parent[found.key]
