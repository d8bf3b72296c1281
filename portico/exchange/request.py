"""A request as received: head, and the body pieces that nobody has taken yet.

Filled by the connection's parser, checked by `http.framing`, then read by everybody and changed by nobody but
stages that rewrite on purpose. `path` is the normalised path, the only form that is matched and forwarded;
`target` is what the client sent, for logs and signatures.
"""

from __future__ import annotations

from .certificate import ClientCertificate
from .failure import Failure
from .fields import Field


class Request:
    """One request. Sizes are in bytes; `length` is the declared Content-Length, None when there is none."""

    __slots__ = (
        "authority",
        "body_bytes",
        "certificate",
        "chunked",
        "complete",
        "expects_continue",
        "fields",
        "head_complete",
        "host",
        "keep_alive",
        "length",
        "method",
        "options",
        "parts",
        "path",
        "query",
        "refusal",
        "scheme",
        "special",
        "target",
        "told_id",
        "trailers",
        "upgrade",
        "version",
        "wants_trailers",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.path = b""
        self.query = b""
        self.scheme = b"http"
        self.certificate: ClientCertificate | None = None  # shown and verified on its connection
        self.authority = b""  # host[:port] as the client named it, lower case
        self.host = b""  # without the port
        self.version = b"1.1"
        self.fields: list[Field] = []
        self.special: list[tuple[int, bytes]] = []  # (kind, value) of the fields that framing must look at
        self.options: tuple[bytes, ...] = ()  # the tokens of Connection: fields that end at this hop
        self.length: int | None = None
        self.chunked = False
        self.keep_alive = True
        self.expects_continue = False
        self.upgrade = b""  # b"websocket", or empty
        self.wants_trailers = False  # TE: trailers
        self.told_id = b""  # the client's X-Request-ID
        self.parts: list[bytes] = []  # body received and not yet taken
        self.refusal: Failure | None = None  # why it is not well framed
        self.trailers: list[Field] = []
        self.head_complete = False
        self.complete = False
        self.body_bytes = 0

    @property
    def has_body(self) -> bool:
        """Whether the framing announces a body (RFC 9112 section 6)."""
        return self.chunked or bool(self.length)

    def header(self, name: bytes) -> bytes | None:
        """The first value of the field `name` (lower case), or None."""
        for field, value in self.fields:
            if field == name:
                return value
        return None

    def __repr__(self) -> str:
        state = "complete" if self.complete else "receiving"
        return f"<Request {self.method.decode('latin-1')} {self.target.decode('latin-1')} {state}>"
