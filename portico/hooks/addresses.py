"""The hook that keeps clients out by their address. Which ones is decided by `rules.networks`."""

from __future__ import annotations

from portico.exchange.exchange import Exchange
from portico.exchange.failure import ADDRESS_DENIED, Failure
from portico.observe.audit import Audit, Repeats
from portico.rules.networks import Admission


class Gatekeeper:
    """Asks the lists of one route."""

    __slots__ = ("_admission", "_audit", "_refused")

    def __init__(self, admission: Admission, audit: Audit) -> None:
        self._admission = admission
        self._audit = audit
        self._refused = Repeats()

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        if self._admission.admit(x.client):
            return None
        times = self._refused.count(x.now)
        if times:
            self._audit("address_denied", "medium", x, code=ADDRESS_DENIED.code, refused=times)
        where = x.client.decode("latin-1") or "an address that is not known"
        return ADDRESS_DENIED.because(f"{where} is not let in by the route's addresses")
