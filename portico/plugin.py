"""The one promised Python surface for those who write stages: import from here and from nowhere else.

Semantic versions, as `VERSION` says: within one major version nothing here is removed or changes its meaning, and a
minor version only adds. What is not re-exported here is the gateway's own and may change at any time.
docs/plugins.md tells how to write a stage, examples/plugin is one that runs.
"""

from __future__ import annotations

from portico.config.models.model import SettingsModel
from portico.config.references import IdentityName, RoleName, ServiceName
from portico.config.values import (
    Distinct,
    Duration,
    Flag,
    HeaderName,
    Maybe,
    Name,
    OneOrMany,
    OrOff,
    Percentage,
    PositiveDuration,
    PositiveSize,
    Size,
    StatusRanges,
    Text,
    Whole,
    refuse,
)
from portico.exchange import failure as failures
from portico.exchange.call import Answer, Call, CallFailedError
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure, Side
from portico.exchange.fields import Field
from portico.exchange.identity import Identity
from portico.exchange.reply import Reply
from portico.exchange.request import Request
from portico.exchange.stage import BodyFilter, Hooks, Outcome, Phase, Site, Stage
from portico.observe.families import Metrics

VERSION = "1.2"

__all__ = [
    "VERSION",
    "Answer",
    "BodyFilter",
    "Call",
    "CallFailedError",
    "Clock",
    "Distinct",
    "Duration",
    "Exchange",
    "Failure",
    "Field",
    "Flag",
    "HeaderName",
    "Hooks",
    "Identity",
    "IdentityName",
    "Maybe",
    "Metrics",
    "Name",
    "OneOrMany",
    "OrOff",
    "Outcome",
    "Percentage",
    "Phase",
    "PositiveDuration",
    "PositiveSize",
    "Reply",
    "Request",
    "RoleName",
    "ServiceName",
    "SettingsModel",
    "Side",
    "Site",
    "Size",
    "Stage",
    "StatusRanges",
    "Text",
    "Whole",
    "failures",
    "refuse",
]
