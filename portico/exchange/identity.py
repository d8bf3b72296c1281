"""Who calls, once proven: the same value whichever method proved it (requirements 2.11).

Made by a proof in `portico.identity`, never from a field that a client may write. `fields` are the headers that
tell a service who calls (requirements 1.7), rendered once per proof and not once per request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from portico.rules import LimitRule

from .fields import Field, render


class OwnLimit(NamedTuple):
    """How often what proved a caller may be used, beside the limits of routes; `key` tells it from all others."""

    rule: LimitRule
    key: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """A proven caller. `expires` is wall time in seconds, None when the proof does not expire.

    `method` is the name of the identity block that proved it (`users`); `source` its kind, as services are told
    it in X-Tenant-Source (`jwt`, `api-key`, `session`, `service`). `key` tells this caller from every other, of
    other tenants and other methods too, whatever they are called.

    `permissions` are its own, beside those of its roles; `scoped` says that it has these and no role's. `venue` is the
    venue that it is for, when it names none; `venues` are the only ones that it is for, where it is bound to some.
    `marks` are what can revoke it, of what was `issued` then (wall seconds, 0 when that is not known). `limit` is its
    own.
    """

    subject: str
    method: str
    source: str
    roles: tuple[str, ...] = ()
    tenant: str | None = None
    email: str | None = None
    expires: float | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    permissions: tuple[str, ...] = ()
    scoped: bool = False
    venue: str | None = None
    venues: tuple[str, ...] = ()
    marks: tuple[bytes, ...] = ()
    issued: float = 0.0
    limit: OwnLimit | None = None
    lines: bytes = field(init=False, default=b"")  # `fields` as HTTP/1.1 lines
    key: bytes = field(init=False, default=b"", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", render(self.fields))
        # With lengths before them no three names can pass for three others.
        names = (self.method, self.tenant or "", self.subject)
        object.__setattr__(
            self, "key", "".join(f"{len(name)}:{name}" for name in names).encode("utf-8", "surrogatepass")
        )
