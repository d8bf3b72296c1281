"""The profile hub through the running gateway: every role, by every method that it can prove itself with, at every
service, compared with a table that a person can read."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.integration.profile.running import PASSWORD, Platform
from tests.integration.samples.running import ROOT, SECRET, environment
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

Caller = Callable[[str, str, bytes], dict[str, str]]
"""(method, target, body) → the fields that prove who calls"""


def allowed() -> dict[tuple[str, str], str]:
    """(service, method) → the letters of the roles that may."""
    found = {}
    for line in TABLE.strip().splitlines()[1:]:
        service, read, write = re.split(r"\s{2,}", line.strip())
        found[service, "GET"], found[service, "POST"] = read, write
    return found


class Hub(Platform):
    """The gateway of the profile, with its services beside it."""

    profile = ROOT / "profiles" / "hub.yaml"

    def __init__(self, folder: Path) -> None:
        cookies = {"SECURE_COOKIES": "false", "SESSION_COOKIE": "session", "CSRF_COOKIE": "csrf"}
        super().__init__(folder, {**cookies, "HOST": "127.0.0.1", "RATE_LIMIT_ENABLED": "false"})
        self.databases = {"auth": folder / "var" / "hub-auth.db"}

    def session(self, role: str) -> Caller:
        """Somebody who signed in, in a browser."""
        email = f"{uuid4().hex}@example.com"
        with httpx.Client(base_url=self.address, timeout=30) as client:
            entry = {"email": email, "password": PASSWORD}
            assert client.post("/api/auth/register", json={**entry, "name": "N"}).status_code == 201
            self.change("auth", "UPDATE auth_accounts SET role = ? WHERE email = ?", role, email)
            assert client.post("/api/auth/login", json=entry).status_code == 200
            cookies = dict(client.cookies)
        told = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return lambda method, target, body: {"Cookie": told, "X-CSRF-Token": cookies["csrf"]}

    def key(self, role: str) -> Caller:
        """A program with a key that an operator made."""
        made = subprocess.run(
            [sys.executable, "-m", "portico", "key", "create", "-c", self.profile, "--tenant", "demo",
             "--identity", "keys", "--role", role, "--subject", f"a-{role}"],
            cwd=self.folder, env={**environment(), "JWT_SECRET": SECRET}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = re.search(r"hub_[\w.~-]+\.[\w.~-]+", made.stdout)
        assert found, made.stdout
        return lambda method, target, body: {"X-API-Key": found[0]}

    def token(self, role: str) -> Caller:
        """A service that exchanged its key for a token of minutes."""
        fields = self.key(role)("", "", b"")
        told = httpx.post(f"{self.address}/api/auth/token", json={"audience": "hub"}, headers=fields)
        assert told.status_code == 200, told.text
        bearer = told.json()["accessToken"]
        return lambda method, target, body: {"Authorization": f"Bearer {bearer}"}

    def signature(self, role: str) -> Caller:
        """The partner, who signs every request."""
        assert role == "service"

        def sign(method: str, target: str, body: bytes) -> dict[str, str]:
            now, nonce = str(int(time.time())), secrets.token_hex(16)
            said = [
                "portico-hmac-sha256",
                "acme",
                now,
                nonce,
                method,
                target,
                hashlib.sha256(body).hexdigest(),
            ]
            mac = hmac.new(f"partner:{SECRET}".encode(), "\n".join(said).encode(), hashlib.sha256).hexdigest()
            return {"X-Signature": f"key=acme,time={now},nonce={nonce},signature={mac}"}

        return sign


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub")) as platform:
        yield platform


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
