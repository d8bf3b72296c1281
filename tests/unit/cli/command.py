"""Runs the program in this process: `portico(...)` is one command line, in a folder of the test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from portico.cli.app import app

SECRET = "correct-horse-battery-staple-0123456789"

CONFIGURATION = """\
version: 1
gateway: {listen: ["127.0.0.1:0"]}
identity:
  users: {jwt: {secret: "${CLI_SECRET}", require: [tenant_id], claims: {tenant: tenant_id}}}
roles:
  user: {}
  agent: {permissions: ["tickets:write"], inherits: [user]}
services:
  tickets: {url: "http://127.0.0.1:3003/base", breaker: {consecutive: 3}, total: 5m}
  pages: {instances: ["http://127.0.0.1:3004", "http://127.0.0.1:3005"], breaker: off}
defaults:
  authenticate: [users]
routes:
  - {match: /tickets/**, service: tickets}
  - {match: "POST /tickets/{id}/close", service: tickets, authorize: tickets:write, name: close}
  - match: {path: /tickets/mine, methods: [GET], headers: {x-mode: own}}
    service: tickets
  - {match: GET pages.example/docs/**, service: pages, authenticate: none}
development:
  token: {identity: users, claims: {sub: ann, tenant_id: one, role: agent}, expires: 1h}
  try: [GET /health, 'POST /tickets/7/close {"because": "it''s done"}']
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[str]:
        """The lines, with one space between columns."""
        return [" ".join(line.split()) for line in self.out.splitlines()]

    @property
    def data(self) -> Any:
        return json.loads(self.out)


def portico(*arguments: str, env: Mapping[str, str | None] | None = None, reads: str = "") -> Result:
    """One command line, with `reads` as standard input. An exception that no person should see fails the test."""
    done = CliRunner().invoke(
        app,
        list(arguments),
        prog_name="portico",
        input=reads,
        env={"CLI_SECRET": SECRET, **(env or {})},
        catch_exceptions=False,
    )
    return Result(done.exit_code, done.stdout, done.stderr)
