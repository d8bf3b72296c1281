"""What stands behind one address of `gateway.listen`: plain connections, TLS, or a redirect to TLS.

An entrance is compiled and changes at a reload; connections that are open keep what they began with.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portico.exchange.certificate import ClientCertificate
from portico.exchange.failure import BAD_REQUEST, HTTPS_REQUIRED, Failure
from portico.exchange.request import Request

from .connection import Connection

if TYPE_CHECKING:
    from .listener import Listener
    from .tls import ClientTrust, ListenerContext


@dataclass(frozen=True, slots=True)
class Entrance:
    """`tls` None: plain. `redirect_to`: the port to send clients to instead of serving them, None to serve them."""

    tls: ListenerContext | None = None
    redirect_to: int | None = None

    def plain_connection(self, listener: Listener) -> Connection:
        """For a client of a plain address."""
        if self.redirect_to is None:
            return Connection(listener, b"http")
        return RedirectingConnection(listener, self.redirect_to)


class SecureConnection(Connection):
    """A connection with TLS. Its requests carry the certificate that the client has shown."""

    __slots__ = ("_certificate", "trust")

    def __init__(self, listener: Listener, trust: ClientTrust | None) -> None:
        super().__init__(listener, b"https")
        self.trust = trust
        self._certificate: ClientCertificate | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is over."""
        if self.trust is not None:
            shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self._certificate = ClientCertificate(shown) if shown else None
        super().connection_made(transport)
        if not self._listener.trusts(self):  # not any more: there was a reload since the handshake began
            self.close_when_idle()

    def eof_received(self) -> bool:
        """There is no half-close: whatever the protocol above wishes, asyncio closes a TLS connection here."""
        super().eof_received()
        return False

    def _begin(self, request: Request) -> None:
        request.certificate = self._certificate
        super()._begin(request)


class RedirectingConnection(Connection):
    """Answers every request that could be read with 308 to https (RFC 9110 section 15.4.9), on the ordinary road."""

    __slots__ = ("_to",)

    def __init__(self, listener: Listener, to: int) -> None:
        super().__init__(listener, b"http")
        self._to = to

    def _begin(self, request: Request) -> None:
        if request.refusal is None:
            request.refusal = redirect(request, self._to)
        super()._begin(request)


def redirect(request: Request, port: int) -> Failure:
    """Where the request belongs. The host is the client's own word; nobody who forwards it is believed here."""
    if not request.host:
        return BAD_REQUEST.because("no host to redirect to")
    authority = request.host if port == 443 else b"%b:%d" % (request.host, port)
    path = request.path if request.path.startswith(b"/") else b"/"
    query = b"?" + request.query if request.query else b""
    return HTTPS_REQUIRED.saying(
        HTTPS_REQUIRED.text, (b"location", b"https://%b%b%b" % (authority, path, query))
    )
