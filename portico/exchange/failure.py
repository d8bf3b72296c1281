"""What can go wrong with a request, as data: a code, a status, a text, and whose fault it is.

Breakers and health count only failures whose side is SERVICE (design decision 10). The text reaches the client,
so it names nothing internal; `detail` is for the log. The table below is the whole mapping: no other place turns
trouble into a status. Codes and texts are requirements 11.2 and 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from .fields import Field


class Side(Enum):
    """Who is to blame."""

    CLIENT = "client"
    SERVICE = "service"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Failure:
    """One way to fail. `code` is stable and machine-readable; `close` ends the client's connection after it."""

    code: str
    status: int
    side: Side
    title: str
    text: str
    fields: tuple[Field, ...] = ()
    close: bool = False
    detail: str = ""
    details: object = None  # JSON-able, part of the error body where its form has a place for it

    def because(self, detail: str) -> Failure:
        """The same failure with a reason for the log."""
        return replace(self, detail=detail)

    def saying(self, text: str, *fields: Field, details: object = None) -> Failure:
        """The same failure with another text for the client and further fields."""
        return replace(self, text=text, fields=self.fields + fields, details=details or self.details)


def _client(code: str, status: int, title: str, text: str, close: bool = False) -> Failure:
    return Failure(code, status, Side.CLIENT, title, text, close=close)


def _service(code: str, status: int, title: str, text: str) -> Failure:
    return Failure(code, status, Side.SERVICE, title, text)


# The client's: the message itself. A message that cannot be framed also ends the connection.
BAD_REQUEST = _client("BAD_REQUEST", 400, "Bad Request", "The request could not be understood", close=True)
METHOD_NOT_ALLOWED = _client("METHOD_NOT_ALLOWED", 405, "Method Not Allowed", "Method not allowed")
# RFC 9110 section 15.5.6: a 405 says what is allowed.
METHOD_REFUSED = _client("METHOD_REFUSED", 405, "Method Not Allowed", "Method refused", close=True).saying(
    "Method refused", (b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
)
REQUEST_TIMEOUT = _client("REQUEST_TIMEOUT", 408, "Request Timeout", "The request took too long", close=True)
BODY_TOO_LARGE = _client(
    "BODY_TOO_LARGE", 413, "Content Too Large", "The request body is too large", close=True
)
TARGET_TOO_LONG = _client(
    "TARGET_TOO_LONG", 414, "URI Too Long", "The request target is too long", close=True
)
EXPECTATION_FAILED = _client(
    "EXPECTATION_FAILED", 417, "Expectation Failed", "Unknown expectation", close=True
)
FIELDS_TOO_LARGE = _client(
    "FIELDS_TOO_LARGE", 431, "Request Header Fields Too Large", "The request header is too large", close=True
)
CODING_UNKNOWN = _client("CODING_UNKNOWN", 501, "Not Implemented", "Unknown transfer coding", close=True)
VERSION_UNKNOWN = _client(
    "VERSION_UNKNOWN", 505, "HTTP Version Not Supported", "HTTP version not supported", close=True
)
CLIENT_GONE = _client("CLIENT_GONE", 499, "Client Closed Request", "The client went away", close=True)
CLIENT_SLOW = _client("CLIENT_SLOW", 499, "Client Too Slow", "The client stopped reading", close=True)

# No trouble, but like trouble it is answered before there is a route.
HTTPS_REQUIRED = _client("HTTPS_REQUIRED", 308, "Permanent Redirect", "Use HTTPS")

# The client's: who asks, and for what.
AUTH_REQUIRED = _client("AUTH_REQUIRED", 401, "Unauthorized", "Missing or invalid Authorization header")
INVALID_TOKEN = _client("INVALID_TOKEN", 401, "Unauthorized", "Invalid or expired token")
TOKEN_EXPIRED = _client("TOKEN_EXPIRED", 401, "Unauthorized", "Invalid or expired token")
AUTHENTICATION_ERROR = _client("AUTHENTICATION_ERROR", 401, "Unauthorized", "Authentication failed")
FORBIDDEN = _client("FORBIDDEN", 403, "Forbidden", "Insufficient permissions")
AUTHORIZATION_ERROR = _client("AUTHORIZATION_ERROR", 403, "Forbidden", "Access denied")
ADDRESS_DENIED = _client("ADDRESS_DENIED", 403, "Forbidden", "Address not allowed")
ORIGIN_DENIED = _client("ORIGIN_DENIED", 403, "Forbidden", "Origin not allowed")
NOT_FOUND = _client("NOT_FOUND", 404, "Not Found", "Resource not found")
CONFLICT = _client("CONFLICT_ERROR", 409, "Conflict", "Conflict")
VALIDATION_ERROR = _client("VALIDATION_ERROR", 422, "Validation Error", "Request validation failed")
RATE_LIMIT_ERROR = _client("RATE_LIMIT_ERROR", 429, "Too Many Requests", "Rate limit exceeded")

# The service's. Refused and overloaded ask for patience (503), silence is 504, anything else is 502.
REFUSED = _service("SERVICE_UNAVAILABLE", 503, "Service Unavailable", "Service unavailable")
UNREACHABLE = _service("BAD_GATEWAY", 502, "Bad Gateway", "The service could not be reached")
CONNECT_TIMEOUT = _service("GATEWAY_TIMEOUT", 504, "Gateway Timeout", "The service did not answer in time")
REPLY_TIMEOUT = _service("GATEWAY_TIMEOUT", 504, "Gateway Timeout", "The service did not answer in time")
CONNECTION_RESET = _service("BAD_GATEWAY", 502, "Bad Gateway", "The service broke off the connection")
BAD_REPLY = _service("BAD_GATEWAY", 502, "Bad Gateway", "The service sent an invalid reply")
TLS_FAILED = _service("BAD_GATEWAY", 502, "Bad Gateway", "The service could not be verified")

# The gateway's own: they count against nobody's breaker.
BREAKER_OPEN = Failure(
    "SERVICE_UNAVAILABLE", 503, Side.GATEWAY, "Service Unavailable", "Service temporarily unavailable"
)
POOL_EXHAUSTED = Failure(
    "SERVICE_UNAVAILABLE", 503, Side.GATEWAY, "Service Unavailable", "Service is at capacity"
)
OVERLOADED = Failure(
    "SERVICE_UNAVAILABLE",
    503,
    Side.GATEWAY,
    "Service Unavailable",
    "The gateway is at capacity",
    ((b"retry-after", b"1"),),
)
SHUTTING_DOWN = Failure(
    "SERVICE_UNAVAILABLE", 503, Side.GATEWAY, "Service Unavailable", "The gateway is stopping", close=True
)
PROVER_AWAY = Failure(
    "SERVICE_UNAVAILABLE",
    503,
    Side.GATEWAY,
    "Service Unavailable",
    "Authentication is temporarily unavailable",
)
STORE_AWAY = Failure(
    "SERVICE_UNAVAILABLE",
    503,
    Side.GATEWAY,
    "Service Unavailable",
    "Service temporarily unavailable",
    ((b"retry-after", b"1"),),
)
DEADLINE_PASSED = Failure(
    "GATEWAY_TIMEOUT", 504, Side.GATEWAY, "Gateway Timeout", "The request was not finished in time"
)
INTERNAL = Failure(
    "INTERNAL_ERROR", 500, Side.GATEWAY, "Internal Server Error", "An unexpected error occurred", close=True
)
