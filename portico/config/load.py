"""Reads a configuration: the only part of ``portico.config`` that touches files.

The main file and what it includes become one plain tree with a place for each value. A section of named things may
be spread over files, but nothing is ever written twice; routes and plug-ins of included files come after those of
the file that includes them.
"""

from __future__ import annotations

import gc
import glob
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from portico.config.marks import Mark, Marks, Place
from portico.config.marks import Path as TreePath
from portico.config.problems import Problems, quote
from portico.config.source import Disk, Source, Texts
from portico.config.tree import parse

VERSION = 1
"""The version of the configuration language that this Portico reads."""

_APPENDED = frozenset({"routes", "stages"})


@dataclass(slots=True)
class Written:
    """What was written, before anything is known of its meaning. ``problems`` may hold some already."""

    tree: dict[str, Any]
    marks: Marks
    problems: Problems
    files: tuple[str, ...]
    source: Source

    def beside(self, place: Place, path: str) -> str:
        """``path`` as seen from the file that names it."""
        return _beside(place.file, path)


def load_file(path: str | os.PathLike[str], env: Mapping[str, str]) -> Written:
    """Read a file and its includes. Never raises: what is wrong is in ``problems`` of the result."""
    return load_source(os.fspath(path), Disk(), env)


def load_text(
    text: str,
    name: str = "portico.yaml",
    env: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> Written:
    """Read a text as though it were the file ``name``; ``files`` are all the other files there are."""
    return load_source(name, Texts({**(files or {}), name: text}), env or {})


def load_source(path: str, source: Source, env: Mapping[str, str]) -> Written:
    """Read ``path`` and its includes from ``source``."""
    loading = _Loading(source, env, Place(path, 1, 1))
    with uncollected():
        loading.read_main(path)
    return Written(loading.tree, loading.problems.marks, loading.problems, tuple(loading.files), source)


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold the garbage collector back while many objects are made that all stay.

    It would walk all of them again and again: ten thousand routes load in a third of the time without it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _NewerVersion(Exception):
    pass


class _Loading:
    def __init__(self, source: Source, env: Mapping[str, str], root: Place) -> None:
        self._source = source
        self._env = env
        self._places: dict[str, Place] = {}
        self.tree: dict[str, Any] = {}
        self.files: list[str] = []
        root.children = self._places
        self.problems = Problems(Marks(root))

    def read_main(self, path: str) -> None:
        start = Mark(path, 1, 1)
        text = self._text(path, start)
        if text is None:
            self.problems.marks.root.broken = True
            return
        try:
            self._read(path, text, ())
        except _NewerVersion:
            self.problems.marks.root.broken = True
            return
        if "version" not in self.tree and not self.problems.marks.root.broken:
            self.problems.at_mark(
                start, ("version",), "required but missing", f'begin the file with "version: {VERSION}"'
            )

    def _text(self, path: str, named_at: Mark) -> str | None:
        try:
            content = self._source.read(path)
        except OSError as error:
            reason = f'cannot read "{path}": {(error.strerror or "unreadable").lower()}'
        except ValueError as error:
            reason = f'cannot read "{path}": {error}'
        else:
            self.files.append(path)
            try:
                return content.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                before = content[: error.start]
                line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
                self.problems.at_mark(Mark(path, line, column), (), "not UTF-8", "save the file as UTF-8")
                return None
        self.problems.at_mark(named_at, ("include",) if len(self._places) else (), reason)
        return None

    def _read(self, path: str, text: str, chain: tuple[str, ...]) -> None:
        def secret(name: str) -> str:
            return _secret(self._source, _beside(path, name))

        tree, place = parse(text, path, self._env, secret, self.problems)
        if not chain:
            self.problems.marks.root.broken = place.broken
        if place.broken:
            return
        if not isinstance(tree, dict):
            empty = tree is None
            reason = "the file is empty" if empty else "the file must hold keys and values"
            self.problems.at_mark(place.mark, (), reason, f'begin it with "version: {VERSION}"')
            self.problems.marks.root.broken |= not chain
            return
        self._check_version(tree, place)
        included = self._included(tree, place)
        self._merge(tree, place, main=not chain)
        for name, mark in included:
            self._include(name, mark, (*chain, os.path.normpath(path)))

    def _check_version(self, tree: dict[str, Any], place: Place) -> None:
        if "version" not in tree:
            return
        version, at = tree["version"], place.child("version")
        if at is None or at.broken or (version == VERSION and type(version) is int):
            return
        if type(version) is int and version > VERSION:
            self.problems.at_mark(
                at.mark,
                ("version",),
                f"this file is written for version {version} of the language, and this Portico reads version {VERSION}",
                "install a newer Portico",
            )
            raise _NewerVersion
        shown = quote(version if at.secret is None else at.written)
        self.problems.at_mark(
            at.mark, ("version",), f"must be {VERSION}, not {shown}", f"write version: {VERSION}"
        )

    def _included(self, tree: dict[str, Any], place: Place) -> list[tuple[str, Mark]]:
        """The files that this one includes, and where it names them."""
        at = place.child("include")
        if at is None or at.broken:
            return []
        wanted, children = tree["include"], at.children
        if not isinstance(wanted, list) or not isinstance(children, list):
            self.problems.at_mark(
                at.shown, ("include",), f"must be a list, not {quote(at.written or wanted)}"
            )
            del tree["include"]
            return []
        found: list[tuple[str, Mark]] = []
        tree["include"] = [pattern for pattern in wanted if isinstance(pattern, str) and pattern]
        for index, (pattern, item) in enumerate(zip(wanted, children, strict=True)):
            if item.broken:
                continue
            if not isinstance(pattern, str) or not pattern:
                self.problems.at_mark(item.mark, ("include", index), "must be the path of a file")
                continue
            resolved = _beside(place.file, pattern)
            if not glob.has_magic(resolved):
                found.append((resolved, item.mark))
                continue
            matches = self._source.glob(resolved)
            if not matches:
                self.problems.at_mark(
                    item.mark,
                    ("include", index),
                    f"no file fits {quote(item.written or pattern)}",
                    severity="warning",
                )
            found.extend((match, item.mark) for match in matches)
        return found

    def _include(self, path: str, mark: Mark, chain: tuple[str, ...]) -> None:
        path = os.path.normpath(path)
        if path in chain:
            round_trip = " → ".join([*chain[chain.index(path) :], path])
            self.problems.at_mark(mark, ("include",), f"files include each other in a circle: {round_trip}")
        elif path in map(os.path.normpath, self.files):
            self.problems.at_mark(mark, ("include",), f'the file "{path}" is included twice')
        else:
            text = self._text(path, mark)
            if text is not None:
                self._read(path, text, chain)

    def _merge(self, tree: dict[str, Any], place: Place, *, main: bool) -> None:
        for key, value in tree.items():
            below = place.child(key)
            if below is None or (key in ("version", "include") and not main):
                continue
            if key not in self.tree:
                self.tree[key] = value
                self._places[key] = below
                continue
            self._join(key, value, below)

    def _join(self, key: str, value: Any, place: Place) -> None:
        """Add one section of an included file to the same section of another."""
        mine, there = self.tree[key], self._places[key]
        if key in _APPENDED and isinstance(mine, list) and isinstance(value, list):
            if isinstance(there.children, list) and isinstance(place.children, list):
                mine.extend(value)
                there.children.extend(place.children)
        elif isinstance(mine, dict) and isinstance(value, dict):
            if isinstance(there.children, dict) and isinstance(place.children, dict):
                for name, item in value.items():
                    below = place.children[name]
                    if name in mine:
                        self._doubled((key, name), below, there.children[name])
                        continue
                    mine[name] = item
                    there.children[name] = below
        elif not (place.broken or there.broken):
            self._doubled((key,), place, there)

    def _doubled(self, path: TreePath, place: Place, first: Place) -> None:
        self.problems.at_mark(
            place.key, path, "written in two files", f"the first is at {first.key}; keep one of them"
        )


def _secret(source: Source, path: str) -> str:
    """A secret file's text without the line break that editors put at its end."""
    try:
        return source.read(path).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _beside(file: str, path: str) -> str:
    """``path`` relative to the folder of ``file``; absolute paths stay."""
    return os.path.normpath(os.path.join(os.path.dirname(file), path))
