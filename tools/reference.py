"""Makes docs/configuration.md, the reference of every key, from the schema that the loader itself goes by.

`python tools/reference.py` writes the page; a test demands that it is up to date. What a key means is said once, in
the `description` of its settings field, or in the `summary` of its stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from portico.config.extensions import ROUTE_KEYS, adapters
from portico.config.schema import build_schema, leaf_keys
from portico.stages import load_stages, stage_types

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"

Schema = Mapping[str, Any]

_INTRODUCTION = """\
# Configuration reference

Every key of the language. This page is made from the schema (`make docs`); `portico schema` prints that schema for
an editor, and `portico check FILE` says everything that is wrong with a file at once.

`*` stands for a name that you choose, `[]` for an item of a list. Where one value or a list of them is taken, write
`x` or `[x, y]`. `${NAME}`, `${NAME:-default}` and `${file:PATH}` may stand for any value or in any text. Durations
and sizes have their unit: `250ms`, `10s`, `5m`, `24h`, `7d`; `32KiB`, `10MiB`, `1GB`, or a plain number of bytes.
`off` switches a thing off, also where a default would switch it on. A key that is unknown, written twice or without
effect is refused, and so is a value that a key cannot have.
"""

# (title, the keys at the top of the file that it is about, what is said first)
_SECTIONS = (
    ("The file", ("version", "include", "stages"), ""),
    ("gateway", ("gateway",), "[TLS for clients](tls.md) is a page of its own."),
    ("logs", ("logs",), ""),
    (
        "identity",
        ("identity",),
        "[Tokens](authentication-jwt.md) and [certificates of clients](tls.md) have pages of their own.",
    ),
    ("roles", ("roles",), ""),
    ("hosts", ("hosts",), "[Tenants and venues](tenancy.md) tells of them."),
    ("venues", ("venues",), "[Tenants and venues](tenancy.md) have a page of their own."),
    ("services", ("services",), ""),
    (
        "routes",
        ("routes",),
        "Every route says who may call it, itself or through `defaults`: `authenticate`.",
    ),
    ("development", ("development",), ""),
)


@dataclass(frozen=True)
class Key:
    """One line of the page."""

    path: str
    kind: str
    default: str
    meaning: str


def reference() -> str:
    """The page. Raises LookupError when a key would be missing from it."""
    stages = load_stages()
    schema = build_schema(adapters(stage_types(stages)))
    summaries = {f"routes[].{key}": stage.summary for key, stage in stages.items()}
    parts = [_INTRODUCTION]
    told: set[str] = set()
    for title, names, remark in _SECTIONS:
        parts.append(f"## {title}\n")
        if names == (title,):
            parts.append(f"{_resolved(schema['properties'][title], schema).get('description', '')}\n")
        if remark:
            parts.append(f"{remark}\n")
        keys = list(_keys(schema, "", schema, names))
        told |= {key.path for key in keys}
        parts.append(_table(keys, summaries))
        if title == "routes":
            parts.append(_defaults(schema))
    # The page tells of defaults by the routes that they are for.
    if missing := {key.replace("defaults.", "routes[].") for key in leaf_keys(schema)} - told:
        raise LookupError(f"the page has no place for {', '.join(sorted(missing))}")
    return "\n".join(parts).rstrip() + "\n"


def _defaults(schema: Schema) -> str:
    stated = _resolved(schema["properties"]["defaults"], schema)["properties"]
    own = ", ".join(f"`{key}`" for key in sorted(ROUTE_KEYS - stated.keys()))
    return (
        "## defaults\n\n"
        f"What every route does unless it states otherwise: each key of a route but {own}.\n"
        "Where a service states `timeout`, `idle` or `total`, that comes before `defaults` and after the route.\n"
        "`headers.pass`, `drop` and `drop_reply` of both add up; any other key of a route replaces the default.\n"
    )


def _table(keys: list[Key], summaries: Mapping[str, str]) -> str:
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key in keys:
        meaning = (key.meaning or summaries.get(key.path, "")).replace("*", "\\*")
        cells = (f"`{key.path}`", key.kind, key.default, meaning)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _keys(schema: Schema, path: str, root: Schema, only: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every key below `path`, in the order of the schema."""
    for form in _forms(schema, root):
        for name, below in form.get("properties", {}).items():
            if only and name not in only:
                continue
            here = f"{path}.{name}" if path else name
            if not _is_section(below, root):
                yield _key(here, below, root, required=name in form.get("required", ()))
            yield from _keys(below, here, root)
        for below in _values(form):
            here = f"{path}.*"
            if not _is_section(below, root):
                # What the user's names stand for is said of the mapping that has them.
                meaning = form.get("description") or schema.get("description", "")
                yield replace(_key(here, below, root, required=False), meaning=meaning)
            yield from _keys(below, here, root)
        if "items" in form:
            yield from _keys(form["items"], f"{path}[]", root)


def _key(path: str, schema: Schema, root: Schema, *, required: bool) -> Key:
    resolved = _resolved(schema, root)
    default = "required" if required else _shown(resolved.get("default"))
    return Key(path, " or ".join(_kinds(schema, root)), default, resolved.get("description", ""))


def _is_section(schema: Schema, root: Schema) -> bool:
    """Whether a key is there for the keys below it: a mapping in every form, or a list of such."""
    return all(
        "properties" in form or _values(form) or ("items" in form and _is_section(form["items"], root))
        for form in _forms(schema, root)
    )


def _kinds(schema: Schema, root: Schema) -> list[str]:
    """In words, what may be written. A list of what may also stand alone is said in one."""
    kinds: list[str] = []
    for form in _forms(schema, root):
        if form.get("type") == "array":
            items = _kinds(form["items"], root)
            if kinds and {_plain(item) for item in items} == {_plain(kind) for kind in kinds}:
                kinds = [item for item in items if _plain(item) != item] or kinds
                kinds.append("a list")
            else:
                kinds.append(f"a list of {' or '.join(items)}")
            continue
        kinds += [kind for kind in [_kind(form)] if kind not in kinds]
    return kinds


def _plain(kind: str) -> str:
    return kind.partition(" such as ")[0]


def _kind(form: Schema) -> str:
    if "const" in form:
        return _shown(form["const"])
    if "enum" in form:
        words = [word for word in form["enum"] if word is not False]
        # Methods: too many to be read, and known to everybody.
        return "a method" if len(words) > 20 else ", ".join(_shown(word) for word in words)
    if "x-unit" in form:
        return str(form["x-unit"])
    kind = str(form.get("type", "anything"))
    if kind == "string":
        examples = form.get("examples", ())
        return f"text such as `{examples[0]}`" if examples else "text"
    if kind in ("integer", "number"):
        least, most = form.get("minimum"), form.get("maximum")
        if most is not None:
            return f"{least} to {most}"
        return "a number" if least is None else f"a number from {least}"
    return {"boolean": "`true` or `false`", "object": "a mapping"}.get(kind, kind)


def _shown(default: Any) -> str:
    if default is None or default in ([], {}):
        return ""
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


# -- reading the schema


def _resolved(schema: Schema, root: Schema) -> dict[str, Any]:
    """The same without a reference at its top; what stands beside the reference wins."""
    found = dict(schema)
    while "$ref" in found:
        target = root["$defs"][found.pop("$ref").rpartition("/")[2]]
        found = {**target, **found}
    return found


def _forms(schema: Schema, root: Schema) -> Iterator[Schema]:
    """The alternatives that a value may have, without references such as ${NAME}, which may stand anywhere."""
    resolved = _resolved(schema, root)
    choices = [choice for word in ("anyOf", "oneOf") for choice in resolved.get(word, ())]
    examples = {"examples": resolved["examples"]} if "examples" in resolved else {}
    if "x-unit" in resolved or not choices:
        yield resolved
        return
    for choice in choices:
        if choice != {"$ref": "#/$defs/variable"}:
            yield from _forms({**examples, **choice} if "$ref" not in choice else choice, root)


def _values(form: Schema) -> list[Schema]:
    rest = form.get("additionalProperties")
    return [*form.get("patternProperties", {}).values(), *([rest] if isinstance(rest, dict) else [])]


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")
