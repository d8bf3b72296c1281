"""Host names that stand for a brand: whoever is proven there must be of the brand's tenant (requirements 1.9).

Which service a host leads to is the routes' matter (`match: acme.example/**`); this is on every route, and has effect
where the section `hosts` names the host that was asked for.
"""

from __future__ import annotations

from typing import ClassVar

from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.hosts import AtHost, Expected
from portico.observe.audit import Audit
from portico.routing import parse_host


class HostsStage(Stage[None]):
    """On every route, as the section `hosts` says."""

    key: ClassVar[str] = "hosts"
    phase: ClassVar[Phase] = Phase.IDENTIFY
    order: ClassVar[int] = 100
    always: ClassVar[bool] = True
    settings: ClassVar[None] = None
    summary: ClassVar[str] = "Whether callers are of the tenant that the host name is for."

    def compile(self, settings: None, site: Site) -> Hooks | None:
        """One hook for all routes; none where no host is named."""
        if not site.settings.hosts:
            return None
        return Hooks(on_request=site.shared("hosts", lambda: _compile(site)).judge)


def _compile(site: Site) -> AtHost:
    names: dict[bytes, Expected] = {}
    suffixes: dict[bytes, Expected] = {}
    for written, host in site.settings.hosts.items():
        pattern = parse_host(written)
        expected = Expected(host.tenant, host.brand)
        (suffixes if written.startswith("*.") else names)[pattern.name] = expected
    return AtHost(names, suffixes, site.live("audit", Audit))
