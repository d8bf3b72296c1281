"""Identities of those who sign with a key that the configuration names: who that is stands beside the key."""

from __future__ import annotations

from portico.config.models.identity.partners import PartnerSettings
from portico.exchange.identity import Identity

from .claims import identity_fields

# What services are told in X-Tenant-Source (requirements 1.7): one that proves itself without a person is a service.
SOURCE = "service"


def partner(method: str, key: str, settings: PartnerSettings) -> Identity:
    """Whoever has the key `key` of the identity block `method`."""
    subject = settings.subject or key
    return Identity(
        subject=subject,
        method=method,
        source=SOURCE,
        roles=settings.roles,
        tenant=settings.tenant,
        claims={"keyid": key},
        fields=identity_fields(subject, settings.roles, settings.tenant, SOURCE.encode()),
    )
