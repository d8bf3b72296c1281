"""The profile hub through the running gateway: every role, by every method that it can prove itself with, at every
service, compared with a table that a person can read."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from tests.integration.profile.hub import Caller, Hub
from tests.unit.samples.test_hub import NAMES

pytestmark = pytest.mark.xdist_group("platform-hub")

# Who may, by the first letter of the role: admin, manager, user, service. Everybody else gets 403.
TABLE = """
                GET      POST
orchestration   a m u s  a m
modules         a m u    a m
marketplace     a m u    a m
handover        a m s    a m s
webhooks        a s      a s
integrations    a m s    a s
"""
ROLES = {"a": "admin", "m": "manager", "u": "user", "s": "service"}
# Which roles can be proven by which method: no person is a service, and the partner is one.
METHODS = {"session": "amu", "key": "amus", "token": "amus", "signature": "s"}
BODIES = {
    "orchestration": {"name": "n"},
    "modules": {"name": "n"},
    "marketplace": {"title": "t"},
    "handover": {"from": "a", "to": "b"},
    "webhooks": {"url": "u"},
    "integrations": {"name": "n"},
}
SOURCES = {"session": "session", "key": "api-key", "token": "jwt", "signature": "service"}


def allowed() -> dict[tuple[str, str], str]:
    """(service, method) → the letters of the roles that may."""
    found = {}
    for line in TABLE.strip().splitlines()[1:]:
        service, read, write = re.split(r"\s{2,}", line.strip())
        found[service, "GET"], found[service, "POST"] = read, write
    return found


@pytest.mark.parametrize("proof", METHODS)
def test_every_role_by_every_method_at_every_service(hub: Hub, proof: str) -> None:
    wrong = []
    with httpx.Client(base_url=hub.address, timeout=30) as client:
        for letter in METHODS[proof]:
            prove: Caller = getattr(hub, proof)(ROLES[letter])
            for (service, method), may in allowed().items():
                target = f"/api/{service}"
                body = json.dumps(BODIES[service]).encode() if method == "POST" else b""
                answer = client.request(method, target, content=body, headers=prove(method, target, body))
                good = 201 if method == "POST" else 200
                expected = good if letter in may.split() else 403
                if answer.status_code != expected:
                    wrong.append((ROLES[letter], method, service, answer.status_code, expected, answer.text))
                elif method == "GET" and expected == 200:
                    told = answer.json()["for"]
                    assert (told["tenant"], told["source"], told["role"]) == (
                        "demo",
                        SOURCES[proof],
                        ROLES[letter],
                    )
    assert wrong == []


def test_nobody_gets_nowhere(hub: Hub) -> None:
    spoofed = {"X-User-Role": "admin", "X-Tenant-ID": "demo", "X-Tenant-Source": "jwt", "X-User-ID": "root"}
    with httpx.Client(base_url=hub.address, timeout=30) as client:
        for name in NAMES:
            for method in ("GET", "POST", "DELETE"):
                assert client.request(method, f"/api/{name}", headers=spoofed).status_code == 401
        health = client.get("/api/health/gateway").json()
        assert {"auth", *NAMES} <= health.keys()


def test_a_session_without_its_csrf_token_reads_and_does_not_write(hub: Hub) -> None:
    cookie = hub.session("manager")("", "", b"")["Cookie"]
    with httpx.Client(base_url=hub.address, headers={"Cookie": cookie}, timeout=30) as client:
        assert client.get("/api/modules").status_code == 200
        assert client.post("/api/modules", json={"name": "n"}).status_code in (401, 403)


def test_a_token_is_granted_for_the_hub_alone(hub: Hub) -> None:
    fields = hub.key("service")("", "", b"")
    for audience in ("elsewhere", "", None):
        answer = httpx.post(f"{hub.address}/api/auth/token", json={"audience": audience}, headers=fields)
        assert answer.status_code == 422
