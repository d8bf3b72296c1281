"""Whether what proves the caller has been revoked: asked of the store on every request that proves anybody.

A token, a key or a session is looked up when it is proven, if the store is in this process. A store that several
workers share is asked together with the limits, behind all of them (`hooks.judge`). What there is to configure is only
what happens when that store is away.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.judge import Judging, asker_of
from portico.identity.roles import ADMINS_ONLY

Written = Literal["open", "closed"]


class RevocationStage(Stage[Written | None]):
    """`revocation: open | closed` on a route or under `defaults`."""

    key: ClassVar[str] = "revocation"
    phase: ClassVar[Phase] = Phase.METER
    order: ClassVar[int] = 100
    always: ClassVar[bool] = True
    settings = Written
    summary: ClassVar[str] = (
        "What callers meet while the store that knows of revocations is away: open lets them pass, closed "
        "does not. By default closed on routes that only admins may use."
    )

    def compile(self, settings: Written | None, site: Site) -> Hooks | None:
        """One hook that asks the store; none where it is in this process."""
        asker = asker_of(site)
        if asker is None:
            return None
        # What only admins may do is worth more than that it can be done just now (authorize is compiled before).
        usual = "closed" if site.route in site.shared(ADMINS_ONLY, set[str]) else "open"
        return Hooks(on_request=Judging(asker, closed=(settings or usual) == "closed").judge)

    def explain(self, settings: Written | None) -> str:
        """What happens without the store."""
        return (
            f"refuses what was revoked; without the store: {settings or 'open, closed where only admins may'}"
        )
