"""`portico explain`: the verdicts are those of the running gateway, since it is the same road."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.command import CONFIGURATION, portico

STAGES = """
import asyncio
from portico.plugin import failures, Hooks, Phase, Reply, Stage


class Digest(Stage[str]):
    key, phase, settings = "cli_digest", Phase.GUARD, str

    def compile(self, settings, site):
        def digest(x):
            raise AssertionError("asked without a body")

        return Hooks(on_request=digest, needs_body=2048)


class Slow(Stage[str]):
    key, phase, settings = "cli_slow", Phase.VALIDATE, str

    def compile(self, settings, site):
        async def think(x):
            await asyncio.sleep(0)
            if settings == "forever":
                await asyncio.Event().wait()
            if settings == "crash":
                raise RuntimeError("out of thoughts")
            if settings == "refuse":
                return failures.FORBIDDEN.because("thought better of it")
            if settings == "answer":
                return Reply(200, [(b"set-cookie", b"a=b")], b"thought so")
            x.forward = [(b"x-thought", settings.encode()), (b"x-secret", b"hush")]

        return Hooks(on_request=think)

    def explain(self, settings):
        return f"thinks of {settings}"
"""


@pytest.fixture
def token() -> str:
    return portico("token").out.strip()


def told(*arguments: str) -> dict[str, Any]:
    done = portico("explain", *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return dict(done.data)


def verdicts(data: dict[str, Any]) -> dict[str, str]:
    return {stage["key"]: f"{stage['verdict']} {stage['why']}".strip() for stage in data["stages"]}


def test_a_request_that_reaches_its_service(token: str) -> None:
    done = portico(
        "explain", "POST", "/tickets/7/close?a=1&password=x", "--token", token, "-H", "Accept: text/html"
    )
    assert (done.code, done.err) == (0, "")
    text = done.out
    assert text.startswith("POST /tickets/7/close?a=1&password=[redacted] for host localhost\n")
    assert "route: POST /tickets/{id}/close → tickets (portico.yaml:15)\n  {id} = 7\n" in text
    assert "/tickets/**  portico.yaml:14  /tickets/{id}/close comes first by path" in text
    assert "authenticate passes portico.yaml:12 proves the caller by users" in done.rows
    assert "authorize passes portico.yaml:15 needs tickets:write" in done.rows
    assert "    → role agent has tickets:write\n" in done.out
    assert "ann (roles: agent, tenant one), proven by users" in text
    assert "instances: http://127.0.0.1:3003/base\n" in text
    assert "10s to the reply's headers, 30s between its pieces, 5m for the whole reply" in text
    assert "opens at 50% failures of at least 10 calls in 10s or after 3 failures in a row" in text
    assert "POST /base/tickets/7/close?a=1&password=[redacted] HTTP/1.1" in text
    for line in ("accept: text/html", "authorization: [redacted]", "x-user-id: ann", "x-tenant-id: one"):
        assert f"  {line}\n" in text
    assert token not in text
    assert "The client would get" not in text


def test_a_request_that_a_stage_refuses() -> None:
    done = portico("explain", "POST", "/tickets/7/close")
    assert (done.code, done.err) == (0, "")
    assert "authenticate refuses portico.yaml:12 proves the caller by users" in done.rows
    assert "→ 401 AUTH_REQUIRED: no credential" in done.rows
    assert "authorize not reached portico.yaml:15 needs tickets:write" in done.rows
    assert "HTTP/1.1 401 Unauthorized\n" in done.out
    assert 'www-authenticate: Bearer realm="users"' in done.out
    assert '"code":"AUTH_REQUIRED"' in done.out
    assert "The service would get" not in done.out


def test_data_of_a_refusal() -> None:
    data = told("GET", "/tickets/7", "--token", "no.such.token")
    assert data["request"] == {"method": "GET", "target": "/tickets/7", "host": "localhost"}
    assert data["route"] == {
        "name": "/tickets/**",
        "match": "/tickets/**",
        "origin": "portico.yaml:14",
        "params": {},
    }
    assert data["failure"]["code"] == "INVALID_TOKEN"
    assert data["reply"]["status"] == 401
    assert data["caller"] is None
    assert data["forwarded"] is None
    assert data["service"]["breaker"]["consecutive"] == 3


def test_no_route_and_the_near_ones() -> None:
    data = told("GET", "/tickets/7/clothes", "-H", "Host: elsewhere")
    assert data["route"]["match"] == "/tickets/**"
    data = told("GET", "/docs/a")
    assert data["route"] is None
    assert data["reply"]["status"] == 404
    assert data["near"] == [
        {
            "match": "GET pages.example/docs/**",
            "origin": "portico.yaml:18",
            "reasons": ["takes only pages.example"],
        }
    ]
    data = told("DELETE", "/docs/a", "-H", "host: pages.example")
    assert data["reply"]["status"] == 405
    assert ["allow", "GET, HEAD"] in data["reply"]["headers"]
    assert data["near"][0]["reasons"] == ["takes only GET"]
    text = portico("explain", "GET", "/nothing").out
    assert "route: none (NOT_FOUND)\n" in text
    assert "Stages" not in text


def test_a_public_route_by_its_whole_url() -> None:
    data = told("get", "http://pages.example:80/docs/a")
    assert data["route"]["name"] == "GET pages.example/docs/**"
    assert data["service"]["instances"] == ["http://127.0.0.1:3004", "http://127.0.0.1:3005"]
    assert data["service"]["breaker"] is None
    assert data["forwarded"]["line"] == "GET /docs/a HTTP/1.1"
    assert "breaker:   off\n" in portico("explain", "GET", "http://pages.example/docs/a").out


def test_the_gateways_own_endpoints_answer() -> None:
    data = told("GET", "/live")
    assert data["route"] == {"name": "live", "match": "GET /live", "origin": "built in", "params": {}}
    assert verdicts(data)["live"] == "answers 200"
    assert data["reply"]["body"] == '{"status":"alive"}'
    assert data["service"] is None
    assert told("OPTIONS", "*")["reply"]["status"] == 204


def test_a_request_that_is_not_well_formed() -> None:
    data = told("GET", "/a/../../b")
    assert data["reply"]["status"] == 400
    assert data["failure"]["why"] == "the path is malformed or leaves the root"
    assert data["near"] == []
    assert told("GET", "/live", "-H", "Content-Length: many")["reply"]["status"] == 400


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("GE T", "/"), "GE T is no method"),
        (("GET", "tickets"), "tickets is no path: it begins with /"),
        (("GET", "/a b"), "a path has no spaces"),
        (("GET", "/", "-H", "nonsense"), "nonsense is no header: write 'Name: value'"),
        (("GET", "/", "-H", "a: b\r\nc: d"), "is no header"),
        (("GET", "/", "--token", "a\nb"), "a token has no line breaks"),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...], said: str) -> None:
    done = portico("explain", *arguments)
    assert done.code == 2
    assert said in done.err


def with_stages(here: Path, slow: str) -> None:
    (here / "cli_explain_stages.py").write_text(STAGES)
    route = f"  - {{match: /plugin/**, service: tickets, cli_digest: sha, cli_slow: {slow}, authenticate: none}}\n"
    (here / "portico.yaml").write_text(
        CONFIGURATION.replace("development:", f"{route}development:")
        + "stages: ['cli_explain_stages:Digest', 'cli_explain_stages:Slow']\n"
    )


def test_stages_that_need_the_body_are_passed_over_and_those_that_wait_are_awaited(here: Path) -> None:
    with_stages(here, "tea")
    data = told("POST", "/plugin/x")
    assert verdicts(data)["cli_digest"] == "needs the body up to 2KiB"
    assert verdicts(data)["cli_slow"] == "passes"
    assert ["x-thought", "tea"] in data["forwarded"]["headers"]
    assert ["x-secret", "[redacted]"] in data["forwarded"]["headers"]
    assert next(stage for stage in data["stages"] if stage["key"] == "cli_slow")["does"] == "thinks of tea"


def test_verdicts_of_stages_that_wait(here: Path) -> None:
    with_stages(here, "refuse")
    assert verdicts(told("POST", "/plugin/x"))["cli_slow"] == "refuses 403 FORBIDDEN: thought better of it"
    with_stages(here, "answer")
    data = told("POST", "/plugin/x")
    assert verdicts(data)["cli_slow"] == "answers 200"
    assert data["reply"]["body"] == "thought so"
    assert ["set-cookie", "[redacted]"] in data["reply"]["headers"]


def test_a_stage_that_never_decides_meets_the_deadline(here: Path) -> None:
    with_stages(here, "forever, timeout: 150ms")
    data = told("POST", "/plugin/x")
    assert verdicts(data)["cli_slow"] == "fails did not decide in time"
    assert data["reply"]["status"] == 504


def test_a_stage_that_crashes(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    with_stages(here, "crash")
    data = told("POST", "/plugin/x")
    assert verdicts(data)["cli_slow"] == "fails RuntimeError: out of thoughts"
    assert data["reply"]["status"] == 500
    assert "out of thoughts" not in data["reply"]["body"]
    assert caplog.records[0].getMessage() == "a stage failed"


def test_nothing_is_logged_or_audited(capfd: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "portico.yaml").write_text(CONFIGURATION + "logs: {access: ./access.log, requests: true}\n")
    portico("explain", "GET", "/tickets/7")
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert not (here / "access.log").exists()


def test_who_calls_is_asked_for_also_where_the_body_is_signed(here: Path) -> None:
    route = "  - {match: /signed/**, service: tickets, authenticate: partners}\n"
    block = 'partners: {hmac: {keys: {shop: {secret: "a secret of thirty-two bytes, or more"}}}}'
    text = CONFIGURATION.replace("development:", f"{route}development:")
    (here / "portico.yaml").write_text(text.replace("identity:\n", f"identity:\n  {block}\n"))
    data = told("POST", "/signed/x")
    assert verdicts(data)["authenticate"] == "refuses 401 AUTH_REQUIRED: no credential"
