"""What a new configuration changes, in short lines for people, and whether a reload is enough.

Shows names of keys and never their values: those may be secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from portico.config.addresses import Listen
from portico.config.models.gateway import GatewaySettings
from portico.config.models.route import Inherited, RouteSettings
from portico.config.models.settings import Settings

_RESTART = ("workers", "data")
_NAMED = (("services", "service"), ("identity", "identity"), ("roles", "role"))
_WHOLE = ("gateway", "logs", "venues", "hosts", "defaults", "stages", "development")


@dataclass(frozen=True, slots=True)
class Difference:
    """``lines`` say what is different; ``restart`` names the keys that a reload cannot change."""

    lines: tuple[str, ...]
    restart: tuple[str, ...]


def diff(old: Settings, new: Settings) -> Difference:
    """What is different in ``new``."""
    lines: list[str] = []
    for section, noun in _NAMED:
        lines += _named(noun, getattr(old, section), getattr(new, section))
    lines += _routes(old.routes, new.routes)
    for section in _WHOLE:
        lines += [
            f"{path} changed" for path in _changed(getattr(old, section), getattr(new, section), section)
        ]
    restart = tuple(
        f"gateway.{key}" for key in _RESTART if getattr(old.gateway, key) != getattr(new.gateway, key)
    )
    if _store(old.gateway) != _store(new.gateway):
        restart = ("gateway.store", *restart)
    if _doors(old.gateway) != _doors(new.gateway):
        restart = ("gateway.listen", *restart)
    return Difference(tuple(lines), restart)


def _store(gateway: GatewaySettings) -> object:
    """What connections were made to. What holds while they are lost can change."""
    store = gateway.store
    return store.address, store.timeout, store.prefix


def _doors(gateway: GatewaySettings) -> list[tuple[Listen, bool]]:
    """What is bound, and how connections are accepted there. Certificates can change under open sockets."""
    return [(entry.where, entry.tls is not None) for entry in gateway.listen]


def _named(noun: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    lines = [f"{noun} {name} removed" for name in old if name not in new]
    for name, value in new.items():
        if name not in old:
            lines.append(f"{noun} {name} added")
        elif value != old[name]:
            lines.append(f"{noun} {name} changed: {', '.join(_changed(old[name], value))}")
    return lines


def _routes(old: Sequence[RouteSettings], new: Sequence[RouteSettings]) -> list[str]:
    before, after = _by_label(old), _by_label(new)
    lines = _named("route", before, after)
    kept = [label for label in before if label in after]
    if kept != [label for label in after if label in before]:
        lines.append("routes are in another order")
    return lines


def _by_label(routes: Iterable[RouteSettings]) -> dict[str, RouteSettings]:
    """Routes by what people call them; of several with one label the later ones get a number."""
    found: dict[str, RouteSettings] = {}
    count: dict[str, int] = {}
    for route in routes:
        number = count[route.label] = count.get(route.label, 0) + 1
        found[route.label if number == 1 else f"{route.label} #{number}"] = route
    return found


def _changed(old: Any, new: Any, path: str = "") -> list[str]:
    """The deepest keys at which two values differ, as dotted paths."""
    if old == new:
        return []
    before, after = _keys(old), _keys(new)
    if before is None or after is None or type(old) is not type(new):
        return [path]
    found: list[str] = []
    for key in dict.fromkeys([*before, *after]):
        below = key if not path else f"{path}.{key}"
        # Stage keys stand beside the others in the file.
        where = path if key == "stages" and isinstance(old, Inherited) else below
        found += _changed(before.get(key), after.get(key), where)
    return found


def _keys(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {field.alias or name: getattr(value, name) for name, field in fields.items()}
    return value if isinstance(value, dict) else None
