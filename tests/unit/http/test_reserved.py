"""Which names are the gateway's own."""

import pytest

from portico.http.reserved import is_reserved


@pytest.mark.parametrize(
    "name",
    [
        b"x-internal-",
        b"x-internal-auth",
        b"x-user-id",
        b"x-user-permissions",
        b"x-venue-context-id",
        b"x-gateway-forwarded",
        b"x-tenant-id",
        b"x-tenant-source",
        b"x-admin-token",
        b"x-privileged",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-real-ip",
        b"x-original-ip",
        b"x-request-deadline",
        b"forwarded",
        b"x_tenant_id",
        b"x-tenant_id",
        b"x_internal_auth",
        b"_".join((b"x", b"user", b"role")),
    ],
)
def test_reserved(name: bytes) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize(
    "name",
    [
        b"x-internal",
        b"x-user",
        b"x-users-id",
        b"x-tenant",
        b"x-tenant-id-2",
        b"tenant-id",
        b"user-agent",
        b"via",
    ],
)
def test_not_reserved(name: bytes) -> None:
    assert not is_reserved(name)
