"""Whatever template the configuration accepts for errors, every failure of every request becomes a JSON body that holds
exactly what the template says, in a reply that forbids caching, and nothing of what is for the log only.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from portico.config import ConfigurationError, load_settings_text
from portico.exchange import failure as failures
from portico.exchange.clock import Clock
from portico.exchange.exchange import Exchange
from portico.exchange.failure import Failure
from portico.exchange.request import Request
from portico.gateway.errors import PLACEHOLDERS, ErrorForm
from portico.gateway.template import TemplateError
from portico.stages import load_stages, stage_types

SEEDS = (
    b'\x00GET /a\n{"error":"{message}","status":"{status}","at":"{timestamp}","more":"{details}"}',
    b'\x05POST /b\n{"a":["{code}: {title}",1,null,true],"{x}":"{{plain}}","id":"{request_id}"}',
    b'\x09GET /c\n"{method} {instance}"',
    b"\x02HEAD /d\n{a: 1.5, b: ~, c: [x, {d: e}]}",
    b"\x03PUT /e\n",
)
WORDS = (
    b"{status}", b"{code}", b"{title}", b"{message}", b"{request_id}", b"{timestamp}", b"{details}",
    b"{instance}", b"{method}", b"{{", b"}}", b"{", b"}", b"{x}", b'"', b"'", b":", b", ", b"[", b"]",
    b"null", b"true", b"1e5", b"-0", b"99999999999999999999", b"9223372036854775808", b".inf", b".nan",
    b"\\ud800", b"\\u0000", b"\\u2028", b"\xff", b"\n", b"? ", b"&a ", b"*a", b"<<: ", b"!!binary ",
    b"2026-11-22", b"0o17",
)  # fmt: skip
BREAKS = rb"\n,{\["  # where a line of it ends, as a set of a pattern
MAX_BYTES = 400

_STAGES = stage_types(load_stages())
_LOG_ONLY = "for-the-log-only"
_FAILURES = tuple(one for one in vars(failures).values() if isinstance(one, Failure))


def check(data: bytes) -> None:
    """A failure, a request, and a template as YAML."""
    if not data:
        return
    failure = replace(_FAILURES[data[0] % len(_FAILURES)], detail=_LOG_ONLY)
    if data[0] & 128:
        failure = replace(failure, details=[{"path": "body.a", "reason": "required"}])
    line, _, template = data[1:].partition(b"\n")
    if (form := _form(template)) is None:
        return
    written, errors = form
    request = Request()
    request.method, _, request.path = line.partition(b" ")
    x = Exchange(None, request, 5.0)  # type: ignore[arg-type]  # nobody asks the stream
    x.request_id = b"req_1"
    reply = errors.render(x, failure)
    assert reply.status == failure.status
    assert (b"cache-control", b"no-store") in reply.fields
    assert reply.body is not None
    told = json.loads(reply.body)
    assert _LOG_ONLY.encode() not in reply.body or _LOG_ONLY.encode() in data, (
        "the log's words reach a client"
    )
    if written is not None:
        _judge(written, told, failure, x)


def _form(template: bytes) -> tuple[Any, ErrorForm] | None:
    indented = b"".join(b"      %b\n" % line for line in template.split(b"\n"))
    text = b"version: 1\ngateway:\n  errors:\n    body:\n%b" % indented
    try:
        settings = load_settings_text(
            text.decode("utf-8", "surrogateescape"), _STAGES
        ).settings.gateway.errors
        return settings.body, ErrorForm(settings, Clock())
    except (ConfigurationError, TemplateError):
        return None


def _judge(written: Any, told: Any, failure: Failure, x: Exchange) -> None:
    """Template beside result."""
    if isinstance(written, dict):
        assert isinstance(told, dict)
        assert {str(key) for key in written} == set(told)
        for key, value in written.items():
            _judge(value, told[str(key)], failure, x)
    elif isinstance(written, list | tuple):
        assert len(written) == len(told)
        for value, result in zip(written, told, strict=True):
            _judge(value, result, failure, x)
    elif not isinstance(written, str):
        same = written == told or (isinstance(written, float) and math.isclose(written, told))
        assert same, (written, told)
    elif written == "{status}":
        assert told == failure.status
    elif written == "{details}":
        assert told == failure.details
    else:
        assert isinstance(told, str)
        plain = written.replace("{{", "").replace("}}", "")
        if not any(f"{{{name}}}" in plain for name in PLACEHOLDERS):
            assert told == written.replace("{{", "{").replace("}}", "}"), (written, told)


if __name__ == "__main__":
    from .__main__ import alone

    alone("error_bodies")
