"""How often a caller may ask: limits by address, user, tenant, route or header, and 429 beyond them.

Limits that need no identity are judged before anything else (admit), so that a request that turns out to be nobody's
has spent from them; those that need one are judged after access was granted (meter). Within a phase all of a route's
limits count a request, or, when one refuses it, none does. The counting is `rules.limiter`'s, exact within a worker.
Replies tell what is left in structured fields (draft-ietf-httpapi-ratelimit-headers) or as older clients know it.
Counts are live: they survive a reload as long as the limit's name and rule do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, Strict

from portico.config.models.model import SettingsModel
from portico.config.substitution import typed
from portico.config.values import Form, Maybe, Name, OrOff, refuse
from portico.config.values.callers import Caller
from portico.config.values.rates import MOST, Rate
from portico.exchange.allowance import Policy, Teller
from portico.exchange.callers import compile_key
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.hooks.judge import asker_of, gathering
from portico.hooks.rate_limit import Limit, judging
from portico.observe.audit import Audit
from portico.observe.families import Metrics
from portico.rules import LimitRule, Limits

Burst = Annotated[int, Strict(), Field(ge=1, le=MOST), BeforeValidator(typed)]


class LimitSettings(SettingsModel):
    """One limit: so many requests of one caller in so much time."""

    allow: Rate = Field(description="How many in how much time, such as 100/min.")
    per: Caller = Field(
        description="Who counts as one caller: ip, user, tenant, route, header:NAME or global; user+route for both "
        "together, user|ip for the first that there is."
    )
    name: Maybe[Name] = Field(
        default=None,
        description="What it is called in headers and metrics. Limits of one name count together, on whatever route.",
    )
    burst: Maybe[Burst] = Field(
        default=None, description="How many may come at once; by default all that the rate allows."
    )
    mode: Literal["enforce", "report"] = Field(
        default="enforce", description="enforce, or report: count what would be refused, and refuse nothing."
    )

    @property
    def rule(self) -> LimitRule:
        """As `rules.limiter` takes it."""
        return LimitRule(self.allow.quota, float(self.allow.window_s), self.burst or self.allow.quota)

    def __str__(self) -> str:
        burst = "" if self.burst is None else f", {self.burst} at once"
        return f"{self.allow} per {self.per}{burst}{', reported only' if self.mode == 'report' else ''}"


def _listed(value: object) -> object:
    if isinstance(value, dict):
        raise refuse(
            "must be a list of limits, not {written}", value, "put it in brackets: [{allow: …, per: …}]"
        )
    if value in ([], ()):
        raise refuse("must not be empty", value, "write a limit, or off")
    return value


def _listed_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "minItems": 1}


Written = tuple[LimitSettings, ...]


class RateLimitStage(Stage[Written | None]):
    """`rate_limit: [{allow: 100/min, per: ip}]` or `off` on a route or under `defaults`."""

    key: ClassVar[str] = "rate_limit"
    phase: ClassVar[Phase] = Phase.ADMIT
    settings = OrOff[Annotated[Written, Form(_listed, _listed_schema)]]
    summary: ClassVar[str] = (
        "How often a caller may ask: a list of limits, all of which must let a request pass."
    )

    def compile(self, settings: Written | None, site: Site) -> Hooks | None:
        """One hook for the limits that need no identity, one for those that need it, and one that tells of both."""
        if settings is None or not site.settings.gateway.rate_limits.enabled:
            return None
        inherited = settings is site.settings.defaults.stages.get(self.key)
        names = _names(settings, site)
        limits = [_compile(settings, index, name, site, inherited) for index, name in enumerate(names)]
        audit = site.live("audit", Audit)
        asker = asker_of(site)
        early = [limit for limit in limits if not limit.proven]
        late = [limit for limit in limits if limit.proven]
        hooks: Hooks | None = None
        for phase, chosen in ((Phase.METER, late), (Phase.ADMIT, early)):
            if chosen:
                hook = judging(chosen, audit) if asker is None else gathering(chosen, audit, asker)
                hooks = Hooks(hook, phase=phase, summary=_summary(chosen), then=hooks)
        announced = [limit for limit in early + late if limit.enforced]
        styles = site.settings.gateway.rate_limits.headers
        if hooks is None or not announced or styles is None:
            return hooks
        teller = Teller(styles, [limit.policy for limit in announced])
        return replace(hooks, on_reply=teller.tell, reply_fields=teller.constant, owns=teller.names)

    def explain(self, settings: Written | None) -> str:
        """The limits."""
        return "off" if settings is None else "; ".join(map(str, settings))


def _names(settings: Written, site: Site) -> list[str]:
    """What each limit is called: as written, or by whom it counts, with its rate where that is not enough."""
    kinds = Counter(str(one.per) for one in settings if one.name is None)
    names = [
        one.name or (str(one.per) if kinds[str(one.per)] == 1 else f"{one.allow} per {one.per}")
        for one in settings
    ]
    for index, name in enumerate(names):
        if name in names[:index]:
            site.problem(
                f'two limits of this list are called "{name}"', index, suggestion="give one another name"
            )
    return names


def _compile(settings: Written, index: int, name: str, site: Site, inherited: bool) -> Limit:
    written = settings[index]
    limits = site.live("limits", lambda: Limits(site.settings.gateway.rate_limits.keys))
    if written.name is None:
        # On a route its own; from the defaults all routes that inherit it count together.
        identity: tuple[str, ...] = ("defaults", name) if inherited else ("route", site.route, name)
    else:
        identity = ("named", name)
        first = site.shared("names of limits", dict[str, LimitSettings]).setdefault(name, written)
        if first != written:
            site.problem(
                f'the limit "{name}" is written in another way too ({first})',
                index,
                "name",
                suggestion="limits of one name count together: give one another name",
            )
    identity = (*identity, str(written.per))
    limiter = limits.get(identity, written.rule)
    parts = site.settings.gateway.workers * site.settings.gateway.store.away.gateways
    exceeded = site.live("metrics", Metrics).limits_exceeded.labels(
        name, site.template, "true" if written.mode == "enforce" else "false"
    )
    return Limit(
        name,
        str(written),
        limiter,
        compile_key(written.per, site.route.encode()),
        exceeded,
        Policy(name, written.allow.quota, written.allow.window_s),
        f"{written.per}:{''.join(f'{len(part)}:{part}' for part in identity[:-1])}".encode(),
        limiter if parts == 1 else limits.get((*identity, "alone"), written.rule.part(parts)),
        enforced=written.mode == "enforce",
        proven=written.per.proven,
    )


def _summary(limits: Sequence[Limit]) -> str:
    return "; ".join(limit.text for limit in limits)
