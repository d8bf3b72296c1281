"""The venue that a request is about, once it was checked that the caller may act there (requirements 3.4).

Set by the stage `venue` and by nobody else. What it says of roles counts in place of those that the caller brought:
somebody may be the manager of one venue and no more than a guest at all others.
"""

from __future__ import annotations

from dataclasses import dataclass

from .fields import Field


@dataclass(frozen=True, slots=True)
class Venue:
    """A checked venue. `roles` are the caller's there, None for those that the caller has everywhere; `fields` tell the
    service."""

    id: str
    roles: tuple[str, ...] | None
    fields: tuple[Field, ...]
