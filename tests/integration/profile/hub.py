"""The integration hub as its operators have it: `portico run profiles/hub.yaml`, and who calls it by which method."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx

from tests.integration.profile.running import PASSWORD, Platform
from tests.integration.samples.running import ROOT, SECRET, environment

Caller = Callable[[str, str, bytes], dict[str, str]]
"""(method, target, body) → the fields that prove who calls"""


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
