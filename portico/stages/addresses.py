"""Which clients may come by their address: networks that are let in, and networks that are kept out, which win.

The client's address is the connection's, or what trusted proxies say of it (`gateway.trusted_proxies`), never what a
client says. Asked before limits, so that who is kept out spends nobody's share of them, and before any proof.
Requirements 3.5; rules and cost in `rules.networks`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from portico.config.models.model import SettingsModel
from portico.config.values import Cidr, Distinct, OneOrMany, OrOff, refuse
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.addresses import Gatekeeper
from portico.observe.audit import Audit
from portico.rules.networks import Admission, Networks


class AddressSettings(SettingsModel):
    """Networks of clients. An address in both lists is kept out."""

    allow: Annotated[OneOrMany[Cidr], Distinct] = Field(
        default=(), description="Only clients in these networks may come; all if left out."
    )
    deny: Annotated[OneOrMany[Cidr], Distinct] = Field(
        default=(), description="Clients in these networks may not come, whatever allow says."
    )

    @model_validator(mode="after")
    def _some(self) -> AddressSettings:
        if not self.allow and not self.deny:
            raise refuse("names no network", None, "list some under allow or deny, or write addresses: off")
        return self

    def __str__(self) -> str:
        parts = []
        if self.deny:
            parts.append(f"keeps out {_few(self.deny)}")
        if self.allow:
            parts.append(f"lets in only {_few(self.allow)}")
        return " and ".join(parts)


def _few(networks: tuple[Any, ...]) -> str:
    shown = ", ".join(map(str, networks[:3]))
    return shown if len(networks) <= 3 else f"{shown} and {len(networks) - 3} more"


class AddressesStage(Stage[AddressSettings | None]):
    """`addresses: {allow: [10.0.0.0/8], deny: [10.6.6.0/24]}` or `off` on a route or under `defaults`."""

    key: ClassVar[str] = "addresses"
    phase: ClassVar[Phase] = Phase.ADMIT
    order: ClassVar[int] = -10  # before limits
    settings = OrOff[AddressSettings]
    summary: ClassVar[str] = "Which clients may come by their address."

    def compile(self, settings: AddressSettings | None, site: Site) -> Hooks | None:
        """One hook; routes that inherit their lists share them."""
        if settings is None:
            return None
        if settings is site.settings.defaults.stages.get(self.key):
            admission = site.shared("addresses of defaults", lambda: _compile(settings, site))
        else:
            admission = _compile(settings, site)
        return Hooks(Gatekeeper(admission, site.live("audit", Audit)).judge)

    def explain(self, settings: AddressSettings | None) -> str:
        """The lists, in short."""
        return "off" if settings is None else str(settings)


def _compile(settings: AddressSettings, site: Site) -> Admission:
    deny = Networks(settings.deny)
    for index, network in enumerate(settings.allow):
        if deny.cover(network):
            site.problem(f"{network} is kept out by deny, which wins", "allow", index)
    return Admission(Networks(settings.allow), deny)
