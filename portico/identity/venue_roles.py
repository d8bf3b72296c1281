"""What somebody's role at a venue means here, and how services are told of it.

A membership has a role as the venue service calls it; the configuration may say which roles of the gateway that is. The
fields X-Venue-Context-* are rendered once for each role, not for each request.
"""

from __future__ import annotations

from collections.abc import Mapping

from portico.exchange.fields import Field
from portico.exchange.identity import Identity
from portico.exchange.venue import Venue

from .roles import Roles

_REMEMBERED = 1024  # roles of which the fields are kept: a service may invent any number
_SHOWN = 128  # characters of a role


class Telling:
    """Roles at venues. `written`: role of a membership → roles of the gateway."""

    __slots__ = ("_fields", "_roles", "_written")

    def __init__(self, written: Mapping[str, tuple[str, ...]], roles: Roles) -> None:
        self._written = written
        self._roles = roles
        self._fields: dict[tuple[str, tuple[str, ...]], tuple[Field, ...]] = {}

    def venue(self, venue: str, role: str | None) -> Venue:
        """A venue with a member of this role; None: it is there, and no membership was asked for."""
        name: Field = (b"x-venue-context-id", venue.encode())
        if role is None:
            return Venue(venue, None, (name,))
        held = self._written.get(role, (role,))
        return Venue(venue, held, (name, *self._told(role, held)))

    def everywhere(self, identity: Identity) -> tuple[Field, ...]:
        """What services are told of somebody who has their own roles at every venue."""
        if identity.scoped:
            return _fields(",".join(identity.roles), identity.permissions)
        return self._told(",".join(identity.roles), identity.roles)

    def _told(self, shown: str, held: tuple[str, ...]) -> tuple[Field, ...]:
        known = self._fields.get((shown, held))
        if known is None:
            granted = frozenset[str]().union(*(self._roles.granted(role) for role in held))
            known = _fields(shown, sorted(granted))
            if len(self._fields) < _REMEMBERED:
                self._fields[shown, held] = known
        return known


def _fields(role: str, permissions: list[str] | tuple[str, ...]) -> tuple[Field, ...]:
    plain = "".join(sign if " " < sign < "\x7f" else "?" for sign in role[:_SHOWN])
    return (
        (b"x-venue-context-role", plain.encode()),
        (b"x-venue-context-permissions", ",".join(permissions).encode()),
    )
