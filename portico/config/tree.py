"""One YAML text → plain dicts, lists and scalars, with the place of each.

libyaml composes the nodes (a pure Python parser takes ten times as long); the meaning of scalars is ours. Refused:
doubled keys, keys that are not text, merge keys, tags, aliases that contain themselves or multiply without bound,
and structures too deep to be meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from yaml import MappingNode, Node, ScalarNode, YAMLError
from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError
from yaml.resolver import BaseResolver

from portico.config.marks import Mark, Place
from portico.config.problems import Problems, quote
from portico.config.scalars import resolve
from portico.config.substitution import Variable, substitute

DEEPEST = 50
MOST_ALIASED_VALUES = 10_000

_PLAIN = "plain"
_TEXT = "tag:yaml.org,2002:str"
_KNOWN_TAGS = frozenset({_PLAIN, _TEXT})


_WITHIN_BRACKETS = "within {…} and […], put texts with brackets or commas in quotes, also ${NAME}"


class _TooDeep(Exception):
    pass


class _Composer(CParser, BaseResolver):
    """libyaml's composer, which asks us for the tag of each node and tells us how deep it is."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)
        self._depth = 0

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        return _PLAIN if kind is not ScalarNode or implicit[0] else _TEXT

    def descend_resolver(self, current_node: Node | None, current_index: Any) -> None:
        self._depth += 1
        # Composing recurses in C: without a bound, a megabyte of "[" ends the process.
        if self._depth > DEEPEST:
            raise _TooDeep

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Unreadable(Exception):
    """The text is no YAML; a problem says so already."""


def parse(
    text: str, file: str, env: Mapping[str, str], read: Callable[[str], str], problems: Problems
) -> tuple[Any, Place]:
    """Read one text. Whatever is wrong goes to ``problems``; what could be read is returned."""
    try:
        node = _compose(text, file, problems)
    except _Unreadable:
        place = Place(file, 1, 1)
        place.broken = True
        return None, place
    if node is None:
        return None, Place(file, 1, 1)
    return _Builder(file, env, read, problems).build(node)


def _compose(text: str, file: str, problems: Problems) -> Node | None:
    line, column = 1, 1
    try:
        root: Node | None = _Composer(text).get_single_node()
        return root
    except _TooDeep:
        reason, suggestion = f"nested deeper than {DEEPEST} levels", ""
    except MarkedYAMLError as error:
        reason, suggestion = _explain(error, text)
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
    except ReaderError as error:
        # The position counts bytes, since that is what libyaml is given.
        before = text.encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        reason, suggestion = f"the character #x{error.character:04x} is not allowed in YAML", ""
    except YAMLError as error:
        reason, suggestion = f"not YAML: {error}", ""
    problems.at_mark(Mark(file, line, column), (), reason, suggestion)
    raise _Unreadable


def _explain(error: MarkedYAMLError, text: str) -> tuple[str, str]:
    problem = error.problem or "not YAML"
    mark = error.problem_mark
    if mark is not None:
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        at = line[mark.column : mark.column + 1]
        if at == "\t":
            return "a tab is used for indentation", "YAML takes only spaces there"
        if "cannot start any token" in problem and at:
            return f'a value cannot begin with "{at}"', "put it in quotes"
    if "but found another document" in problem:
        return "a second document begins here", "one file holds one document; use include: for more files"
    if "mapping values are not allowed" in problem:
        return 'not YAML: a ":" is not expected here', "check the indentation, or put the value in quotes"
    if "did not find expected ','" in problem:
        return "not YAML: a bracket is not closed, or a comma is missing", _WITHIN_BRACKETS
    context = f" {error.context}" if error.context else ""
    return f"not YAML: {problem}{context}", ""


class _Builder:
    """Turns nodes into values and places, substituting references on the way."""

    def __init__(
        self, file: str, env: Mapping[str, str], read: Callable[[str], str], problems: Problems
    ) -> None:
        self._file = file
        self._env = env
        self._read = read
        self._problems = problems
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._within_alias = 0

    def build(self, node: Node) -> tuple[Any, Place]:
        mark = node.start_mark
        place = Place(self._file, mark.line + 1, mark.column + 1)
        if self._within_alias:
            self._aliased += 1
        if isinstance(node, ScalarNode):
            return self._scalar(node, place), place
        if node.tag not in _KNOWN_TAGS:
            self._refuse(place, f"the tag {_tag(node.tag)} has no meaning here", "remove it")
            return None, place
        return self._collection(node, place), place

    def _collection(self, node: Node, place: Place) -> Any:
        name = id(node)
        if name in self._open:
            self._refuse(place, "an alias contains itself")
            return None
        repeated = name in self._seen
        if repeated and self._aliased > MOST_ALIASED_VALUES:
            return None
        self._seen.add(name)
        self._open.add(name)
        self._within_alias += repeated
        value = self._mapping(node, place) if isinstance(node, MappingNode) else self._sequence(node, place)
        self._within_alias -= repeated
        self._open.discard(name)
        if repeated and not self._within_alias and self._aliased > MOST_ALIASED_VALUES:
            self._refuse(place, f"aliases repeat more than {MOST_ALIASED_VALUES:,} values")
        return value

    def _sequence(self, node: Node, place: Place) -> list[Any]:
        values: list[Any] = []
        places: list[Place] = []
        for item in node.value:
            value, below = self.build(item)
            values.append(value)
            places.append(below)
        place.children = places
        return values

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        place.children = places
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key is None:
                continue
            if key in values:
                first = places[key]
                self._problems.at_mark(
                    self._mark(key_node),
                    (),
                    f"the key {quote(key)} is written twice",
                    f"first on line {first.key_line}",
                )
                continue
            value, below = self.build(value_node)
            mark = key_node.start_mark
            below.key_line, below.key_column = mark.line + 1, mark.column + 1
            values[key] = value
            places[key] = below
        return values

    def _key(self, node: Node) -> str | None:
        """A key is always text, also ``404`` or ``true``."""
        text = node.value
        if not isinstance(node, ScalarNode) or node.tag not in _KNOWN_TAGS:
            self._problems.at_mark(self._mark(node), (), "a key must be plain text")
        elif text == "<<" and node.tag == _PLAIN:
            self._problems.at_mark(
                self._mark(node),
                (),
                'merge keys ("<<") are not part of YAML 1.2',
                "write the keys out, or put them under defaults:",
            )
        elif not text:
            self._problems.at_mark(self._mark(node), (), "a key must not be empty")
        elif "${" in text:
            self._problems.at_mark(
                self._mark(node),
                (),
                f"the key {quote(text)} has a reference in it",
                "only values are replaced",
            )
        else:
            return str(text)
        return None

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        text: str = node.value
        if node.tag not in _KNOWN_TAGS:
            self._refuse(
                place, f"the tag {_tag(node.tag)} has no meaning here", "remove it, or use quotes for text"
            )
            return None
        plain = node.tag == _PLAIN
        if "${" in text:
            done = substitute(text, self._env, self._read)
            if done.secret:
                place.secret, place.written = done.text, text
            for fault in done.faults:
                self._refuse(place, fault.reason, fault.suggestion)
            if done.faults:
                return None
            return Variable.of(done.text, plain=plain) if done.alone else done.text
        if not plain:
            return text
        try:
            return resolve(text)
        except ValueError as error:
            self._refuse(place, f"{quote(text)} {error}", "put it in quotes if it is meant as text")
            return None

    def _refuse(self, place: Place, reason: str, suggestion: str = "") -> None:
        place.broken = True
        self._problems.at_mark(place.mark, (), reason, suggestion)

    def _mark(self, node: Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
