"""Limits of credentials themselves, such as an API key's: counted when they have proven somebody, on every route.

A store in this process counts at once, before anything is asked that others share: who has used up their own limit
takes nothing from anybody else's. Another store counts them in the request's one question (`hooks.judge`).
"""

from __future__ import annotations

from collections.abc import Callable

from portico.exchange.allowance import Policy
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.identity import OwnLimit
from portico.exchange.stage import Site
from portico.observe.audit import Audit
from portico.observe.families import Metrics
from portico.rules import Limiter, LimitRule, Limits

from .judge import Asker, asker_of
from .rate_limit import Limit, over

MOST_RULES = 4096  # different ones; keys have but a few
NAME = "own"


class OwnLimits:
    """The limits of credentials on one route. `make` makes the limit of a rule."""

    __slots__ = ("_asker", "_audit", "_known", "_make")

    def __init__(self, make: Callable[[LimitRule], Limit], audit: Audit, asker: Asker | None) -> None:
        self._make = make
        self._audit = audit
        self._asker = asker
        self._known: dict[LimitRule, Limit] = {}

    def judge(self, x: Exchange, own: OwnLimit) -> Failure | None:
        """Count a request, or have it counted; refuses one too many."""
        limit = self._known.get(own.rule)
        if limit is None:
            if len(self._known) >= MOST_RULES:
                self._known.clear()
            limit = self._known[own.rule] = self._make(own.rule)
        asker = self._asker
        if asker is None:
            verdict = limit.limiter.spend(own.key, x.now)
            return None if verdict[0] >= 0 else over(x, self._audit, [(verdict[1], limit)])
        refused_until = limit.refusing.get(own.key, 0.0)
        if refused_until > x.now:
            return over(x, self._audit, [(refused_until - x.now, limit)])
        question = asker.question(x)
        question.own, question.own_key = limit, own.key
        return None

    def __repr__(self) -> str:
        return f"<OwnLimits {len(self._known)} rules>"


def own_limits_of(site: Site) -> OwnLimits | None:
    """The limits of credentials on this route; None where limits are switched off."""
    if not site.settings.gateway.rate_limits.enabled:
        return None
    return OwnLimits(_Making(site).limit, site.live("audit", Audit), asker_of(site))


class _Making:
    """Makes the limits of one route, over counts that all routes share."""

    def __init__(self, site: Site) -> None:
        gateway = site.settings.gateway
        self._limits = site.live("limits", lambda: Limits(gateway.rate_limits.keys))
        # Rules come with requests: held here, their counts outlive a reload.
        self._held = site.live("own limits", dict[LimitRule, tuple[Limiter, Limiter]])
        self._parts = gateway.workers * gateway.store.away.gateways
        self._exceeded = site.live("metrics", Metrics).limits_exceeded
        self._template = site.template

    def limit(self, rule: LimitRule) -> Limit:
        """The limit of this rule."""
        held = self._held.get(rule)
        if held is None:
            if len(self._held) >= MOST_RULES:
                self._held.clear()
            alone = self._limits.get((NAME, "alone"), rule.part(self._parts))
            held = self._held[rule] = (self._limits.get(NAME, rule), alone)
        text = f"{rule.quota}/{rule.window_s:g}s, the credential's own"
        policy = Policy(NAME, rule.quota, int(rule.window_s))
        return Limit(
            NAME,
            text,
            held[0],
            _key,
            self._exceeded.labels(NAME, self._template, "true"),
            policy,
            NAME.encode(),
            held[0] if self._parts == 1 else held[1],
            enforced=True,
            proven=True,
        )


def _key(x: Exchange) -> bytes:
    identity = x.identity
    return b"" if identity is None or identity.limit is None else identity.limit.key
