"""What roles may do: permissions `resource:action` with wildcards, and roles that inherit from roles.

Everything is worked out when a configuration is loaded: for a permission, which roles have it; for a role, which
roles include it. A request then needs one set look-up (requirements 3.1). Unknown and circular inheritance is
reported by the configuration's own check; here it adds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

OWN = "-own"
"""Behind a permission: only for what is the caller's own."""


class RoleSettings(Protocol):
    """One role as written."""

    @property
    def permissions(self) -> Iterable[str]:
        """What it may do."""

    @property
    def inherits(self) -> Iterable[str]:
        """The roles that it includes."""


ADMIN = "admin"
ADMINS_ONLY = "routes that only admins may use"  # what stages of one configuration share: names of routes


class Roles:
    """All roles of a configuration, flattened. A role includes itself."""

    __slots__ = ("_grants", "_included", "_own")

    def __init__(self, written: Mapping[str, RoleSettings]) -> None:
        self._included = {name: _reach(name, written) for name in written}
        self._own = {name: frozenset(role.permissions) for name, role in written.items()}
        self._grants = {
            name: frozenset[str]().union(*(self._own[role] for role in included))
            for name, included in self._included.items()
        }

    def permissions(self) -> frozenset[str]:
        """Every permission that some role names."""
        return frozenset().union(*self._grants.values())

    def granted(self, role: str) -> frozenset[str]:
        """What the holder of `role` may do, as it is written."""
        return self._grants.get(role, frozenset())

    def including(self, role: str) -> frozenset[str]:
        """The roles whose holder also has `role`."""
        return frozenset(name for name, included in self._included.items() if role in included)

    def granting(self, permission: str) -> frozenset[str]:
        """The roles whose holder may do `permission`."""
        return frozenset(
            name
            for name, grants in self._grants.items()
            if any(covers(granted, permission) for granted in grants)
        )

    def only_admins(self, allowed: frozenset[str]) -> bool:
        """Whether these roles, of which there is one, may do everything anyway, or are called admin."""
        return bool(allowed) and all("*" in self.granted(role) or role == ADMIN for role in allowed)

    def grant(self, role: str, permission: str) -> str:
        """By which of its permissions the holder of `role` may do `permission`, and which role lends it; or ""."""
        for granted in sorted(self._grants.get(role, ())):
            if covers(granted, permission):
                lenders = sorted(name for name in self._included[role] if granted in self._own[name])
                return granted if role in lenders else f"{granted} by way of {', '.join(lenders)}"
        return ""

    def __repr__(self) -> str:
        return f"<Roles {', '.join(sorted(self._included))}>"


def covers(granted: str, asked: str) -> bool:
    """Whether a permission that a role has covers one that a route asks for. `*` stands for any text in a part."""
    if granted == "*":
        return True
    resource, _, action = granted.partition(":")
    asked_resource, _, asked_action = asked.partition(":")
    return _fits(resource, asked_resource) and _fits(action, asked_action)


def _fits(pattern: str, text: str) -> bool:
    if "*" not in pattern:
        return pattern == text
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def _reach(name: str, written: Mapping[str, RoleSettings]) -> frozenset[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        role = waiting.pop()
        if role not in reached and role in written:
            reached.add(role)
            waiting.extend(written[role].inherits)
    return frozenset(reached)
