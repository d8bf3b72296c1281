"""What *everything on* means for peers that are not Portico, so that all do the same work.

A token verified and its role checked; two limits that never refuse, by address and by user; the security headers that
Portico sends (peers with a plugin of their own for that use its defaults); one JSON line per request in a file.
"""

from __future__ import annotations

LIMIT = 1_000_000
"""Requests a second that each limit allows."""

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data: https:",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
}

LOG_FIELDS = {
    "level": "info",
    "time": "%START_TIME%",
    "context": "response",
    "requestId": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    "url": "%REQ(:PATH)%",
    "ip": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "statusCode": "%RESPONSE_CODE%",
    "responseTime": "%DURATION%",
    "bytes": "%BYTES_SENT%",
    "service": "%UPSTREAM_CLUSTER%",
    "userId": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:claims:sub)%",
    "tenantId": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:claims:tenant_id)%",
}
"""The members of Portico's own access line, as Envoy's format names them."""
