"""Who is calling, as the gateway says it: for services behind a gateway that checked the caller, and alone may reach
them.

`X-Tenant-ID` counts only together with `X-Tenant-Source`, which says how the caller was proven: a gateway writes both
or none, and takes both from whoever sends them to it. The venue is the one that the gateway checked.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from samples.platform.errors import ForbiddenError, UnauthenticatedError
from samples.platform.identity import MAX_NAME, NO_TOKEN

SOURCES = frozenset({"jwt", "api-key", "session", "service", "signature"})


@dataclass(frozen=True, slots=True)
class Told:
    """A caller whom the gateway has proven."""

    tenant_id: str
    source: str
    user_id: str
    role: str
    venue_id: str | None
    venue_role: str | None

    def shown(self) -> dict[str, str | None]:
        """What an answer can say of whom it was made for."""
        return {
            "tenant": self.tenant_id,
            "source": self.source,
            "user": self.user_id,
            "role": self.role,
            "venue": self.venue_id,
            "venueRole": self.venue_role,
        }


def told_of(request: Request) -> Told:
    """The caller; `UnauthenticatedError` when the gateway did not say who that is."""
    fields = request.headers
    tenant, source = fields.get("x-tenant-id", ""), fields.get("x-tenant-source", "")
    if not 0 < len(tenant) <= MAX_NAME or source not in SOURCES:
        raise UnauthenticatedError(NO_TOKEN)
    return Told(
        tenant,
        source,
        fields.get("x-user-id", "")[:MAX_NAME],
        fields.get("x-user-role", ""),
        fields.get("x-venue-context-id") or None,
        fields.get("x-venue-context-role") or None,
    )


def internal_tenant(request: Request) -> str:
    """The tenant of a question that the gateway itself asks; `ForbiddenError` for anybody else's."""
    if request.headers.get("x-gateway-internal") != "true":
        raise ForbiddenError("Only the gateway may ask this")
    tenant = request.headers.get("x-tenant-id", "")
    if not 0 < len(tenant) <= MAX_NAME:
        raise ForbiddenError("Only the gateway may ask this, and for a tenant")
    return tenant
