"""The certificate that a client has shown on its connection, verified by the handshake, and what proofs made of it.

Only a listener with client certificates makes one: no field of a request ever does (requirements 1.6).
"""

from __future__ import annotations

from typing import Any

_REMEMBERED = 16


class ClientCertificate:
    """`der` is the certificate as it was shown. A connection brings many requests, and each proof reads it once."""

    __slots__ = ("_verdicts", "der")

    def __init__(self, der: bytes) -> None:
        self.der = der
        self._verdicts: dict[object, Any] = {}

    def verdict(self, proof: object) -> Any:
        """What this proof has made of it, None when it has not been asked."""
        return self._verdicts.get(proof)

    def remember(self, proof: object, verdict: Any) -> None:
        """Keep a verdict. Those of proofs that a reload has replaced go sooner or later."""
        if len(self._verdicts) >= _REMEMBERED:
            self._verdicts.clear()
        self._verdicts[proof] = verdict

    def __repr__(self) -> str:
        return f"<ClientCertificate {len(self.der)} bytes>"
