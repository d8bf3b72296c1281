"""Field names that only the gateway may write towards a service (requirements 1.6).

A client that sends one is not refused, the field is: it never reaches a service, in the head or in a trailer.
Beside what the gateway writes itself these are names that frameworks believe about the client's address, its
certificate (RFC 9440 section 4), its user or its path, and `Proxy`, which CGI programs take for their own HTTP_PROXY.
Underscores count as hyphens, because many services (WSGI, PHP, CGI) cannot tell the two apart.
"""

from __future__ import annotations

_NAMES = frozenset(
    {
        b"x-admin-token",
        b"x-privileged",
        b"x-tenant-id",
        b"x-tenant-source",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"true-client-ip",
        b"x-remote-user",
        b"x-original-url",
        b"x-rewrite-url",
        b"proxy",
        b"client-cert",
        b"client-cert-chain",
        b"x-arr-clientcert",
        b"x-original-ip",
        b"x-request-deadline",
        b"forwarded",
    }
)
_PREFIXES = (
    b"x-forwarded-",
    b"x-internal-",
    b"x-user-",
    b"x-venue-context-",
    b"x-gateway-",
    b"x-client-cert",
    b"x-client-verify",
    b"x-client-dn",
    b"x-ssl-",
    b"ssl-client-",
    b"x-amzn-mtls-",
)


def is_reserved(name: bytes) -> bool:
    """Whether a client's field of this name (lower case) is the gateway's to write."""
    plain = name.replace(b"_", b"-")
    return plain in _NAMES or plain.startswith(_PREFIXES)
