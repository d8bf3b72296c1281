"""Identities of those who sign with a key that the configuration names: who that is stands beside the key."""

from __future__ import annotations

from portico.config.models.identity.partners import PartnerSettings
from portico.exchange.identity import Identity
from portico.exchange.marks import tenant_mark, user_mark

from .claims import identity_fields

# What services are told in X-Tenant-Source (requirements 1.7): one that proves itself without a person is a service.
SOURCE = "service"


def partner(method: str, key: str, settings: PartnerSettings) -> Identity:
    """Whoever has the key `key` of the identity block `method`."""
    subject = settings.subject or key
    marks = [user_mark(settings.tenant, subject)]
    if settings.tenant is not None:
        marks.append(tenant_mark(settings.tenant))
    return Identity(
        subject=subject,
        method=method,
        source=SOURCE,
        roles=settings.roles,
        tenant=settings.tenant,
        claims={"keyid": key},
        fields=identity_fields(subject, settings.roles, settings.tenant, SOURCE.encode()),
        # A key was issued nobody knows when: what is revoked refuses it for as long as the revocation holds.
        marks=tuple(marks),
    )
