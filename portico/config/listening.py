"""What does not fit together in `gateway.listen`, and between it and the identities that rely on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from portico.config.marks import Path
from portico.config.models.identity import IdentitySettings
from portico.config.models.listen import HTTPS, ListenSettings, ListenTlsSettings

Add = Callable[[Path, str, str], None]
"""(where, what is wrong, what to do)"""


def check_listening(
    listen: Sequence[ListenSettings], identity: Mapping[str, IdentitySettings], add: Add
) -> None:
    """Add a problem for everything that could not work, or would have no effect."""
    for number, entry in enumerate(listen):
        _check_entry(entry, ("gateway", "listen", number), listen, add)
    asks = any(entry.tls is not None and entry.tls.client is not None for entry in listen)
    for name, method in identity.items():
        if method.mtls is not None and not asks:
            add(
                ("identity", name, "mtls"),
                "no listener asks clients for a certificate",
                "write tls: {client: {ca: FILE}} at an address of gateway.listen",
            )


def _check_entry(entry: ListenSettings, path: Path, listen: Sequence[ListenSettings], add: Add) -> None:
    if entry.address is None and entry.port is None:
        add(path, "has no address", "write port or address")
    elif entry.address is not None and entry.port is not None:
        add((*path, "port"), "cannot stand beside address", "keep one of them")
    if entry.redirect is not None:
        if entry.tls is not None:
            add((*path, "redirect"), "cannot stand beside tls", "redirect from another address to this one")
        elif entry.redirect == HTTPS and not any(
            other.tls is not None and other.where.port for other in listen
        ):
            add(
                (*path, "redirect"),
                "there is no TLS address with a port to redirect to",
                "write one, or a port",
            )
    if entry.tls is not None:
        _check_tls(entry.tls, (*path, "tls"), add)


def _check_tls(tls: ListenTlsSettings, path: Path, add: Add) -> None:
    if (tls.cert is None) != (tls.key is None):
        add(path, "cert and key go together", "write both")
    elif tls.cert is not None and tls.certificates:
        add((*path, "certificates"), "cannot stand beside cert and key", "keep one of them")
    elif not tls.shown:
        add(path, "has no certificate to show", "write cert and key, or certificates")
