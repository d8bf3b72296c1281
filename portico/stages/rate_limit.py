"""How often a caller may ask: limits by address, user, tenant, route or header, and 429 beyond them.

Limits that need no identity are judged before anything else (admit), so that a request that turns out to be nobody's
has spent from them; those that need one are judged after access was granted (meter). Within a phase all of a route's
limits count a request, or, when one refuses it, none does. The counting is `rules.limiter`'s, exact within a worker.
Replies tell what is left in structured fields (draft-ietf-httpapi-ratelimit-headers) or as older clients know it.
Counts are live: they survive a reload as long as the limit's name and rule do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, Strict

from portico.config.models.model import SettingsModel
from portico.config.substitution import typed
from portico.config.values import Form, Maybe, Name, OrOff, refuse
from portico.config.values.callers import Caller
from portico.config.values.rates import MOST, Rate
from portico.exchange.allowance import Policy, Teller
from portico.exchange.callers import KeyOf, compile_key
from portico.exchange.exchange import Exchange
from portico.exchange.failure import RATE_LIMIT_ERROR, Failure
from portico.exchange.stage import Hooks, Phase, Site, Stage
from portico.observe.audit import Audit
from portico.observe.families import Metrics
from portico.observe.metrics import Number
from portico.rules import Limiter, LimitRule, Limits, Together, Verdict

AUDIT_S = 1.0  # a flood of refusals is worth one audit line in so much time, for each limit of a route

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
        if settings is None:
            return None
        inherited = settings is site.settings.defaults.stages.get(self.key)
        names = _names(settings, site)
        limits = [_compile(settings, index, name, site, inherited) for index, name in enumerate(names)]
        audit = site.live("audit", Audit)
        early = [limit for limit in limits if not limit.written.per.proven]
        late = [limit for limit in limits if limit.written.per.proven]
        hooks: Hooks | None = None
        for phase, chosen in ((Phase.METER, late), (Phase.ADMIT, early)):
            if chosen:
                hooks = Hooks(_judge(chosen, audit), phase=phase, summary=_summary(chosen), then=hooks)
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


def _compile(settings: Written, index: int, name: str, site: Site, inherited: bool) -> _Limit:
    written = settings[index]
    limits = site.live("limits", lambda: Limits(site.settings.gateway.rate_limits.keys))
    if written.name is None:
        # On a route its own; from the defaults all routes that inherit it count together.
        identity = ("defaults", name) if inherited else ("route", site.route, name)
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
    limiter = limits.get((*identity, str(written.per)), written.rule)
    exceeded = site.live("metrics", Metrics).limits_exceeded.labels(
        name, site.template, "true" if written.mode == "enforce" else "false"
    )
    return _Limit(written, name, limiter, compile_key(written.per, site.route.encode()), exceeded)


def _summary(limits: Sequence[_Limit]) -> str:
    return "; ".join(str(limit.written) for limit in limits)


class _Limit:
    """One limit on one route. `refused` counts refusals since `told_at`, the time of the last audit line."""

    __slots__ = (
        "enforced",
        "exceeded",
        "key_of",
        "limiter",
        "name",
        "policy",
        "refused",
        "told_at",
        "written",
    )

    def __init__(
        self, written: LimitSettings, name: str, limiter: Limiter, key_of: KeyOf, exceeded: Number
    ) -> None:
        self.written = written
        self.name = name
        self.limiter = limiter
        self.key_of = key_of
        self.exceeded = exceeded
        self.enforced = written.mode == "enforce"
        self.policy = Policy(name, written.allow.quota, written.allow.window_s)
        self.refused = 0
        self.told_at = float("-inf")


def _judge(limits: Sequence[_Limit], audit: Audit) -> Callable[[Exchange], Failure | None]:
    if len(limits) == 1 and limits[0].enforced:
        return _One(limits[0], audit).judge
    return _Several(limits, audit).judge


class _One:
    """The only limit of its phase."""

    __slots__ = ("_audit", "_key_of", "_limit", "_spend")

    def __init__(self, limit: _Limit, audit: Audit) -> None:
        self._limit = limit
        self._audit = audit
        self._key_of = limit.key_of
        self._spend = limit.limiter.spend

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        verdict = self._spend(self._key_of(x), x.now)
        if verdict[0] < 0:
            return _refuse(x, self._audit, [self._limit], [verdict])
        if x.limits is None:
            x.limits = [verdict]
        else:
            x.limits.append(verdict)
        return None


class _Several:
    """The limits of a phase, judged together; then those that only report, each by itself."""

    __slots__ = ("_audit", "_enforced", "_key_ofs", "_reporting", "_together")

    def __init__(self, limits: Sequence[_Limit], audit: Audit) -> None:
        self._audit = audit
        self._enforced = [limit for limit in limits if limit.enforced]
        self._reporting = [limit for limit in limits if not limit.enforced]
        self._key_ofs = [limit.key_of for limit in self._enforced]
        self._together = Together([limit.limiter for limit in self._enforced])

    def judge(self, x: Exchange) -> Failure | None:
        """The hook."""
        now = x.now
        keys = [key_of(x) for key_of in self._key_ofs]
        verdicts = self._together.spend(keys, now)
        if verdicts is None:
            return _refuse(x, self._audit, self._enforced, self._together.look(keys, now))
        if x.limits is None:
            x.limits = verdicts
        else:
            x.limits += verdicts
        for limit in self._reporting:
            if limit.limiter.spend(limit.key_of(x), now)[0] < 0:
                limit.exceeded.value += 1
        return None


def _refuse(x: Exchange, audit: Audit, limits: Sequence[_Limit], verdicts: Sequence[Verdict]) -> Failure:
    """The answer when some of these limits refuse."""
    x.limits = [*(x.limits or ()), *((max(0, remaining), seconds) for remaining, seconds in verdicts)]
    over = [(seconds, limit) for limit, (left, seconds) in zip(limits, verdicts, strict=True) if left < 0]
    for _, limit in over:
        limit.exceeded.value += 1
        limit.refused += 1
        if x.now - limit.told_at >= AUDIT_S:
            audit(
                "rate_limit_exceeded",
                "medium",
                x,
                code=RATE_LIMIT_ERROR.code,
                limit=limit.name,
                refused=limit.refused,
            )
            limit.told_at = x.now
            limit.refused = 0
    seconds, limit = max(over, key=itemgetter(0))
    return replace(
        RATE_LIMIT_ERROR,
        fields=((b"retry-after", b"%d" % ceil(seconds)),),
        detail=f"the limit {limit.name} ({limit.written})",
    )
