"""The hook that asks whether a caller's tenant is the one that a host name is for (requirements 1.9).

The name expects a tenant, it gives nobody one: that comes from what proved the caller, here as everywhere. Services are
told what was expected, so that a page for nobody yet (a login) can be the brand's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from portico.exchange.exchange import Exchange
from portico.exchange.failure import AUTHORIZATION_ERROR, Failure
from portico.exchange.fields import Field
from portico.observe.audit import Audit


class Expected:
    """What one host name expects, and what services are told of it."""

    __slots__ = ("fields", "tenant")

    def __init__(self, tenant: str, brand: str | None) -> None:
        self.tenant = tenant
        fields: list[Field] = [(b"x-gateway-expected-tenant", tenant.encode())]
        if brand is not None:
            fields.append((b"x-gateway-brand", brand.encode()))
        self.fields = tuple(fields)


class AtHost:
    """The hook of every route. `suffixes` are `.example.com` for `*.example.com`; the longest wins."""

    __slots__ = ("_audit", "_names", "_suffixes")

    def __init__(
        self, names: Mapping[bytes, Expected], suffixes: Mapping[bytes, Expected], audit: Audit
    ) -> None:
        self._names = dict(names)
        self._suffixes = tuple(sorted(suffixes.items(), key=lambda item: -len(item[0])))
        self._audit = audit

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        expected = self._find(x.request.host)
        if expected is None:
            return None
        identity = x.identity
        if identity is not None and identity.tenant != expected.tenant:
            reason = f"{x.request.host.decode('latin-1')} is for another tenant"
            self._audit("cross_tenant_attempt", "high", x, code=AUTHORIZATION_ERROR.code, reason=reason)
            return AUTHORIZATION_ERROR.because(reason)
        x.forward = [*(x.forward or ()), *expected.fields]
        return None

    def _find(self, host: bytes) -> Expected | None:
        found = self._names.get(host)
        if found is None:
            for suffix, expected in self._suffixes:
                if host.endswith(suffix) and len(host) > len(suffix):
                    return expected
        return found
