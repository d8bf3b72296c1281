"""TLS towards services: verified by default, with the name that is asked for and the authorities that are trusted."""

from __future__ import annotations

import ssl
from typing import Protocol


class TlsChoices(Protocol):
    """What a service's `tls` block says. Files are in PEM form."""

    @property
    def verify(self) -> bool: ...
    @property
    def ca(self) -> str | None: ...
    @property
    def cert(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...


def client_context(choices: TlsChoices | None) -> ssl.SSLContext:
    """A context for connections to a service. Raises OSError or ssl.SSLError for a file that cannot be used.

    TLS 1.2 is the oldest that is spoken (RFC 8996), and HTTP/1.1 is what is offered by ALPN.
    """
    context = ssl.create_default_context(cafile=choices.ca if choices else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if choices is not None:
        if choices.cert:
            context.load_cert_chain(choices.cert, choices.key)
        if not choices.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    return context
