"""Whatever a configuration file holds, loading, checking and compiling it ends in settings or in problems, each a line
with a place in a file that was read; never in another exception, and never in "wrong, but nothing to say".
"""

from __future__ import annotations

import logging
from unittest.mock import patch

from portico.config import ConfigurationError, Loaded, check_written, load_text
from portico.config.extensions import adapters
from portico.config.schema import build_schema
from portico.gateway.check import compile_offline
from portico.stages import load_stages, stage_types

SEEDS = (
    b"""version: 1
services: {tickets: {url: "http://127.0.0.1:3003", timeout: 10s, breaker: {errors: 50%, volume: 10, reset: 30s}}}
routes: [{match: "GET /a/{id}", service: tickets, authenticate: none}]
""",
    b"""version: 1
gateway: {listen: [":3000"], workers: 2, errors: {body: {error: "{message}", code: "{code}"}},
  trusted_proxies: 10.0.0.0/8}
logs: {level: info, access: "off", redact: [pin]}
identity: {users: {jwt: {secret: "a-secret-of-thirty-two-bytes-or-more", issuer: a, require: [tenant_id]}}}
roles: {a: {permissions: ["x:*"], inherits: [b]}, b: {permissions: "y:z"}}
services: {t: {instances: ["http://a:1", "unix:/a.sock"], idle: 5s, pool: {size: 5}}, u: {url: "asgi://a.b:c"}}
defaults: {authenticate: users}
routes:
  - match: /a/**
    service: t
    authorize: {GET: "x:view", "*": "y:z"}
  - {match: {path: "/b/*", host: a.test, header: {x-a: b}}, service: u, limits: {body: 1MiB}}
""",
    b'version: 1\ninclude: [more.yaml]\nroles: &s {}\ndefaults: *s\nservices: {a: {url: "${URL:-http://a}"}}\n',
    b"version: 2\n",
    b"a: [1, 2\n",
)
WORDS = (
    b"version: 1\n", b"7, ", b"gateway:", b"listen:", b"workers:", b"errors:", b"body:", b"texts:", b"limits:",
    b"timeouts:", b"endpoints:", b"health:", b"ready:", b"require:", b"trusted_proxies:", b"logs:",
    b"level:", b"format:", b"access:", b"redact:", b"slow:", b"identity:", b"jwt:", b"secret:", b"secrets:",
    b"public_key:", b"algorithms:", b"claims:", b"roles:", b"permissions:", b"inherits:", b"services:",
    b"url:", b"instances:", b"breaker:", b"pool:", b"tls:", b"headers:", b"defaults:", b"routes:",
    b"match:", b"path:", b"host:", b"query:", b"method:", b"order:", b"service:", b"authenticate:",
    b"authorize:", b"security_headers:", b"stages:", b"development:", b"include:", b"allow:", b"drop:",
    b"${X}", b"${X:-a}", b"${file:more.yaml}", b"${", b"$${", b"&a ", b"*a", b"<<: *a", b"!!int ", b"!x ",
    b"? ", b"- ", b"| ", b": ", b", ", b"{", b"}", b"[", b"]", b"'", b'"', b"#", b"\n", b"\n  ", b"null",
    b"true", b"off", b"none", b"1e9", b".inf", b"0x1F", b"99999999999999999999", b"10s", b"50%", b"1MiB",
    b"/**", b"/{id}", b"*", b"\xe2\x80\xa8", b"\xff", b"\x00", b"\\ud800", b"---\n", b"...\n",
    b"%YAML 1.1\n", b"\xef\xbb\xbf", b"tickets", b"users", b"GET ",
)  # fmt: skip
BREAKS = rb"\n,{\["  # where a line of it ends, as a set of a pattern
MAX_BYTES = 1200

_STAGES = stage_types(load_stages())
# Of these stages it is always the same, and would be most of an execution.
_SCHEMA = build_schema(adapters(_STAGES))
_FILES = {
    "more.yaml": "services: {b: {url: http://b}}\nroutes: [{match: /b, service: b, authenticate: none}]\n"
}
_ENV = {"X": "x-value"}
_LOG = logging.getLogger("portico")


def check(data: bytes) -> None:
    """One file, beside one that it may include."""
    text = data.decode("utf-8", "surrogateescape")
    level = _LOG.level
    _LOG.setLevel(logging.CRITICAL)
    try:
        with patch("portico.config.validate.build_schema", lambda stages: _SCHEMA):
            loaded = check_written(load_text(text, env=_ENV, files=_FILES), _STAGES)
        compile_offline(loaded)
    except ConfigurationError as error:
        _judge(error, text)
    else:
        assert isinstance(loaded, Loaded)
    finally:
        _LOG.setLevel(level)


def _judge(error: ConfigurationError, text: str) -> None:
    assert error.problems, "refused for nothing"
    lines = {"portico.yaml": _lines(text), "more.yaml": _lines(_FILES["more.yaml"])}
    for problem in error.problems:
        assert problem.file in lines, f"in no file that was read: {problem!r}"
        assert 1 <= problem.line <= lines[problem.file], f"on no line that there is: {problem!r}"
        assert problem.column >= 1, problem
        assert problem.reason, problem
        assert len(str(problem).splitlines()) == 1, f"more than a line: {problem!r}"
    assert str(error).splitlines() or not error.problems


def _lines(text: str) -> int:
    """As YAML counts them, and one for the end."""
    return 2 + sum(text.count(sign) for sign in "\n\r\x85\u2028\u2029")


if __name__ == "__main__":
    from .__main__ import alone

    alone("configuration")
