"""What became of a rehearsed request, as plain data: what `portico explain --json` prints, and its words are made of.

Values of credentials are hidden as in the logs, with the configuration's own `logs.redact`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portico.cli.table import Row, rows
from portico.config.values import write
from portico.observe.redaction import HIDDEN, Redaction
from portico.routing import Candidacy, Lost
from portico.routing import explain as candidacies

if TYPE_CHECKING:
    from portico.cli.rehearsal import Rehearsal
    from portico.config import Marks
    from portico.config.models.service import BreakerSettings
    from portico.gateway.chain import Chain, Link

NOT_REACHED, ON_REPLY, AT_END = "not reached", "acts on the reply", "acts at the end"

_NEAR = 6


def account(rehearsal: Rehearsal, marks: Marks) -> dict[str, Any]:
    """Everything about one rehearsal."""
    x, chain = rehearsal.x, rehearsal.chain
    table = rows(rehearsal.runtime, marks)
    redaction = Redaction(rehearsal.runtime.settings.logs.redact)
    row = next((row for row in table if row.chain is chain), None)
    identity, failure = x.identity, x.failure
    method, target, _ = rehearsal.sent.decode("latin-1").split(" ", 2)
    return {
        "request": {
            "method": method,
            "target": redaction.text(target),
            "host": x.request.host.decode("latin-1"),
        },
        "route": None if chain is None else _route(chain, row, x.params),
        "near": _near(rehearsal, table),
        "stages": [] if chain is None else _stages(chain, rehearsal),
        "caller": None
        if identity is None
        else {
            "subject": identity.subject,
            "roles": list(identity.roles),
            "tenant": identity.tenant,
            "proven_by": identity.method,
        },
        "service": None if chain is None or chain.forward is None else _service(chain, rehearsal),
        "failure": None if failure is None else {"code": failure.code, "why": failure.detail},
        "forwarded": _message(rehearsal.head, redaction),
        "reply": _message(rehearsal.received, redaction),
    }


def _route(chain: Chain, row: Row | None, params: dict[str, bytes] | None) -> dict[str, Any]:
    return {
        "name": chain.label.name,
        "match": chain.label.template if row is None else row.label,
        "origin": "built in" if row is None else row.origin,
        "params": {name: value.decode("latin-1") for name, value in (params or {}).items()},
    }


def _near(rehearsal: Rehearsal, table: list[Row]) -> list[dict[str, Any]]:
    """The routes that came near and lost. Where one has won, those of other paths are of no interest."""
    request = rehearsal.x.request
    if not request.path.startswith(b"/"):
        return []  # it was refused before there was a path to look for
    by_entry = {row.entry: row for row in table}
    found = candidacies(
        rehearsal.runtime.table,
        request.method,
        request.host,
        request.path,
        request.query,
        request.fields,
        _NEAR,
    )
    return [
        {
            "match": by_entry[candidacy.entry].label,
            "origin": by_entry[candidacy.entry].origin,
            "reasons": [loss.text for loss in candidacy.losses],
        }
        for candidacy in found
        if candidacy.losses and not (rehearsal.chain is not None and _astray(candidacy))
    ]


def _astray(candidacy: Candidacy) -> bool:
    return any(loss.by is Lost.PATH for loss in candidacy.losses)


def _stages(chain: Chain, rehearsal: Rehearsal) -> list[dict[str, Any]]:
    return [
        {
            "key": link.key,
            "does": link.summary,
            "origin": link.origin,
            **_verdict(link, place, rehearsal),
        }
        for place, link in enumerate(chain.links)
    ]


def _verdict(link: Link, place: int, rehearsal: Rehearsal) -> dict[str, str]:
    verdict = rehearsal.verdicts.get(place)
    if verdict is not None:
        return {"verdict": verdict.word, "why": verdict.text}
    hooks = link.hooks
    if hooks.on_request is not None:
        return {"verdict": NOT_REACHED, "why": ""}
    later = hooks.on_reply is not None or hooks.reply_filter is not None or hooks.reply_fields
    return {"verdict": ON_REPLY if later else AT_END, "why": ""}


def _service(chain: Chain, rehearsal: Rehearsal) -> dict[str, Any]:
    name = chain.label.service
    written = rehearsal.runtime.settings.services[name]
    return {
        "name": name,
        "instances": [str(address) for address in written.addresses],
        "timeout": write(chain.timeout_s, "duration"),
        "idle": write(chain.idle_s, "duration"),
        "total": None if chain.total_s is None else write(chain.total_s, "duration"),
        "connect": write(written.connect, "duration"),
        "body": write(chain.body_limit, "size"),
        "breaker": None if written.breaker is None else _breaker(written.breaker),
    }


def _breaker(written: BreakerSettings) -> dict[str, Any]:
    return {
        "errors": None if written.errors is None else write(written.errors, "percentage"),
        "volume": written.volume,
        "window": write(written.window, "duration"),
        "consecutive": written.consecutive,
        "reset": write(written.reset, "duration"),
    }


def _message(raw: bytes, redaction: Redaction) -> dict[str, Any] | None:
    """An HTTP/1.1 message as data; None where there was none."""
    if not raw:
        return None
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = [line.partition(": ") for line in lines]
    status = first.split(" ", 2)[1]
    return {
        "line": redaction.text(first),
        **({"status": int(status)} if first.startswith("HTTP/") else {}),
        "headers": [
            [name, HIDDEN if redaction.hides(name) else redaction.text(value)] for name, _, value in fields
        ],
        "body": body.decode("utf-8", "replace"),
    }
