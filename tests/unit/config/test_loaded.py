"""From a file to settings: everything wrong at once, plug-ins, required keys, and a trip to another process."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, SecretStr

from portico.config import ConfigurationError, Mark, check_written, load_settings, load_text
from portico.config.addresses import Address, Listen
from portico.config.models.settings import Settings
from portico.config.values import Pem
from tests.unit.config.language import SECRET, STAGES, START, Authorize, SecurityHeaders, load, problems

WHOLE = """\
version: 1
gateway:
  name: shop
  listen: [":${PORT}", "unix:/run/shop.sock"]
  workers: ${WORKERS:-2}
  trusted_proxies: 10.0.0.0/8
  errors: {body: {error: "{message}"}, texts: {AUTH_REQUIRED: Who are you?}}
  endpoints: {detail: off}
  stall: off
identity:
  users: {jwt: {secret: "${JWT_SECRET}", require: tenant_id, claims: {subject: [user_id, sub]}}}
roles:
  user: {permissions: "tickets:view-own"}
  agent: {permissions: ["tickets:*"], inherits: user}
services:
  tickets: {url: "asgi://shop.tickets:app", env: {DATABASE: "sqlite://"}, breaker: off, timeout: 3s}
  crm: {instances: ["http://a:3001", "https://b/base/"], breaker: {errors: 20%, statuses: [500-502, 429]}}
defaults:
  authenticate: users
  total: off
routes:
  - match: "GET,POST shop.example/tickets/**"
    service: tickets
    authorize: {roles: agent}
    limits: {body: 50MiB}
  - match: {path: "/crm/{id}", headers: {API-Version: "2"}, query: {all: "*"}}
    service: crm
    name: crm
    order: -1
    security_headers: off
    headers: {allow: standard, pass: Stripe-*, host: client}
development:
  user: {email: a@b.c}
  token:
    identity: users
    claims:
      role: agent
      level: ${PORT}
  try: GET /tickets
"""
ENV = {"PORT": "3000", "JWT_SECRET": SECRET}


def test_a_whole_file() -> None:
    loaded = load(WHOLE, ENV)
    settings = loaded.settings
    gateway = settings.gateway
    assert [entry.where for entry in gateway.listen] == [Listen(port=3000), Listen(unix="/run/shop.sock")]
    assert gateway.workers == 2
    assert gateway.errors.body == {"error": "{message}"}
    assert gateway.errors.content_type == "application/json"
    assert gateway.errors.texts == {"AUTH_REQUIRED": "Who are you?"}
    assert (gateway.endpoints.detail, gateway.endpoints.live, gateway.stall) == (None, "/live", None)
    jwt = settings.identity["users"].jwt
    assert jwt is not None
    assert jwt.hmac_secrets == (SECRET.encode(),)
    assert jwt.accepted == ("HS256",)
    assert (jwt.claims.subject, jwt.require, jwt.header) == (
        ("user_id", "sub"),
        ("tenant_id",),
        "authorization",
    )
    assert settings.roles["agent"].inherits == ("user",)
    tickets, crm = settings.services["tickets"], settings.services["crm"]
    assert tickets.addresses == (Address("asgi", app="shop.tickets:app"),)
    assert (tickets.breaker, tickets.timeout, tickets.idle, tickets.env) == (
        None,
        3.0,
        None,
        {"DATABASE": "sqlite://"},
    )
    assert [str(address) for address in crm.addresses] == ["http://a:3001", "https://b/base"]
    assert crm.breaker is not None
    assert crm.breaker.errors == 0.2
    assert crm.breaker.statuses == {500, 501, 502, 429}
    first, second = settings.routes
    assert (first.match.methods, first.match.hosts, first.match.path) == (
        ("GET", "POST"),
        ("shop.example",),
        "/tickets/**",
    )
    assert first.stages == {"authorize": Authorize(roles=("agent",))}
    assert (first.label, second.label) == ("GET,POST shop.example/tickets/**", "crm")
    assert (first.limits.body, second.order) == (50 << 20, -1)
    assert str(second.match) == "/crm/{id} [api-version: 2, ?all=*]"
    assert second.stages == {"security_headers": None}
    assert (second.headers.allow, second.headers.pass_, second.headers.host) == (
        ("standard",),
        ("stripe-*",),
        "client",
    )
    assert settings.defaults.stages == {"authenticate": ("users",)}
    assert "total" in settings.defaults.model_fields_set
    assert "total" not in first.model_fields_set
    assert settings.development.token is not None
    assert settings.development.token.claims == {"role": "agent", "level": 3000}
    assert loaded.warnings == ()
    assert loaded.files == ("portico.yaml",)
    assert loaded.marks.at(("routes", 1, "security_headers")) == Mark("portico.yaml", 30, 23)


def test_a_file_with_nothing_but_its_version() -> None:
    settings = load("version: 1\n").settings
    assert settings == Settings(version=1)
    assert [entry.where for entry in settings.gateway.listen] == [Listen(port=3000)]
    assert settings.gateway.errors.content_type == "application/problem+json"


def test_a_trip_to_another_process() -> None:
    loaded = load(WHOLE, ENV)
    code = "import pickle, sys; sys.stdout.buffer.write(pickle.dumps(pickle.load(sys.stdin.buffer)))"
    back = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(loaded),
        capture_output=True,
        check=True,
        cwd=Path.cwd(),
    )
    again = pickle.loads(back.stdout)
    assert again.settings == loaded.settings
    assert again.settings.defaults.model_fields_set == loaded.settings.defaults.model_fields_set
    assert again.marks.at(("routes", 1, "name")) == loaded.marks.at(("routes", 1, "name"))


def test_no_representation_shows_a_secret() -> None:
    loaded = load(WHOLE, ENV)
    assert SECRET not in repr(loaded)
    assert SECRET not in str(loaded.settings)
    assert SECRET not in loaded.settings.model_dump_json()
    assert "sqlite" not in repr(loaded.settings)
    jwt = loaded.settings.identity["users"].jwt
    assert jwt is not None
    assert isinstance(jwt.secret, SecretStr)


def test_problems_of_every_kind_come_at_once() -> None:
    found = problems(
        "version: 1\n"
        "a: 1\n"  # unknown
        "gateway: {workers: x, workers: 2}\n"  # a value and a doubled key
        "include: [absent.yaml]\n"  # a file
        "services: {a: {url: '${NOWHERE}'}, b: {timeout: 3}, c: {}}\n"  # a variable, a value, a cross-check
        "roles: {r: {inherits: r}}\n"  # a circle
        "routes: [{match: /a, service: d}, {match: /b, service: a}]\n"  # a name, and who may call
    )
    assert [line.split(":")[1] for line in found] == ["2", "3", "3", "4", "5", "5", "5", "6", "7", "7", "7"]


def test_every_route_states_the_required_keys() -> None:
    open_route = START + "routes: [{match: /a, service: tickets}]\n"
    assert problems(open_route) == [
        "portico.yaml:4:10: routes[0]: states no authenticate, and neither does defaults"
        ' – write "authenticate: none" if everybody may call it'
    ]
    assert problems(open_route, required=()) == []
    assert problems(START + "routes: [{match: /a, service: tickets, authenticate: none}]\n") == []
    assert len(problems(open_route, required=("authenticate", "authorize"))) == 2


@pytest.mark.parametrize("nobody", ["none", "off", "[none]", "[users, none]", "${NOBODY}", "false"])
def test_no_default_opens_the_gateway(nobody: str) -> None:
    text = (
        START + f"identity: {{users: {{jwt: {{secret: {SECRET}}}}}}}\ndefaults:\n  authenticate: {nobody}\n"
    )
    assert any("would open every route" in line for line in problems(text, {"NOBODY": "none"}))


def test_plug_ins() -> None:
    def plugin(name: str) -> tuple[str, Any]:
        if name == "shop:Greet":
            return "greet", Annotated[str, AfterValidator(str.upper)]
        raise RuntimeError("not today")

    text = START + "stages: %s\nroutes: [{match: /a, service: tickets, authenticate: none, greet: hello}]\n"
    loaded = load(text % '"shop:Greet"', plugin=plugin)
    assert loaded.settings.routes[0].stages == {"authenticate": (), "greet": "HELLO"}
    assert loaded.settings.stages == ("shop:Greet",)
    assert problems(text % "[shop:Bow]", plugin=plugin)[0] == (
        'portico.yaml:4:10: stages[0]: cannot load the stage "shop:Bow": RuntimeError: not today'
    )
    assert problems(text % "[shop:Greet, shop:Greet]", plugin=plugin)[0].endswith(
        'there is a stage with the key "greet" already'
    )
    assert problems(text % "[a:B]", plugin=lambda name: ("service", str))[0].endswith(
        'a stage cannot have the key "service": every route has it already'
    )
    assert "plug-in stages cannot be loaded here" in problems(text % "[shop:Greet]")[0]


def test_a_stage_cannot_take_a_key_that_every_route_has() -> None:
    with pytest.raises(ValueError, match='a stage cannot have the key "timeout"'):
        check_written(load_text("version: 1\n"), {"timeout": str})


class Pair(BaseModel):
    """Settings of a stage by somebody who does not use our types."""

    left: int | str
    right: bool = False

    def model_post_init(self, context: Any) -> None:
        if self.left == self.right:
            raise ValueError(f"left and right are both {self.left}")


def test_a_stage_may_use_any_type_and_any_words() -> None:
    text = (
        START + "routes: [{match: /a, service: tickets, authenticate: none, pair: {left: %s, right: %s}}]\n"
    )
    loaded = check_written(load_text(text % ("3", "true")), {**STAGES, "pair": Pair})
    assert loaded.settings.routes[0].stages["pair"] == Pair(left=3, right=True)
    with pytest.raises(ConfigurationError) as refused:
        check_written(
            load_text(text % ("'${P}'", "[]"), env={"P": "hush"}), {**STAGES, "pair": dict[str, Pair]}
        )
    assert "hush" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="routes\\[0\\].pair: left and right are both 1"):
        check_written(load_text(text % ("1", "true")), {**STAGES, "pair": Pair})
    with pytest.raises(ConfigurationError) as refused:
        check_written(load_text(text % ("[]", "3")), {**STAGES, "pair": Pair})
    assert {problem.path for problem in refused.value.problems} == {
        "routes[0].pair.left",
        "routes[0].pair.right",
    }


def test_the_default_of_a_stage_is_its_own() -> None:
    text = START + "defaults: {authenticate: [], security_headers: {}}\n"
    assert load(text).settings.defaults.stages["security_headers"] == SecurityHeaders()


def test_names_of_files_are_seen_from_the_file_that_names_them(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "key.pem").write_text("-----BEGIN PUBLIC KEY-----\nabc\n")
    (conf / "ca.pem").write_text("a certificate")
    (conf / "tls.key").write_text("a private key")
    (conf / "b.yaml").write_text(
        "identity: {users: {jwt: {public_key: key.pem, algorithms: RS256}}}\n"
        "services: {a: {url: 'https://a', tls: {ca: ca.pem, cert: ca.pem, key: tls.key}}}\n"
    )
    main = tmp_path / "portico.yaml"
    main.write_text("version: 1\ninclude: [conf/b.yaml]\n")
    settings = load_settings(main, STAGES, {}).settings
    jwt = settings.identity["users"].jwt
    assert jwt is not None
    assert jwt.public_key == "-----BEGIN PUBLIC KEY-----\nabc\n"
    tls = settings.services["a"].tls
    assert tls is not None
    assert tls.ca == Pem("a certificate", str(conf / "ca.pem"))
    assert tls.key == Pem("a private key", str(conf / "tls.key"))
    assert "a private key" not in repr(settings) + settings.model_dump_json()
    (conf / "key.pem").write_bytes(b"\x80\x81")
    with pytest.raises(ConfigurationError, match='cannot read the file ".*key.pem": is not text'):
        load_settings(main, STAGES, {})
