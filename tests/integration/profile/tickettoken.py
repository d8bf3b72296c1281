"""The ticketing platform as its operators have it: `portico run profiles/tickettoken.yaml`, and its people."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import httpx

from tests.integration.profile.running import PASSWORD, Platform
from tests.integration.samples.running import ROOT, SECRET


class Tickettoken(Platform):
    """The gateway of the profile, with its services beside it."""

    profile = ROOT / "profiles" / "tickettoken.yaml"

    def __init__(self, folder: Path) -> None:
        quick = {
            "RATE_LIMIT_GLOBAL_MAX": "100000",
            "CIRCUIT_BREAKER_VOLUME_THRESHOLD": "4",
            "HOST": "127.0.0.1",
        }
        super().__init__(folder, {**quick, "EVENT_LATENCY": "0ms", "JWT_ACCESS_SECRET": SECRET})
        self.databases = {"auth": folder / "var" / "tickettoken-auth.db"}

    def client(self, token: str = "") -> httpx.Client:
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.address}/api/v1", headers=fields, timeout=30)

    def sign_in(self, email: str, password: str) -> str:
        with self.client() as nobody:
            told = nobody.post("/auth/login", json={"email": email, "password": password})
            assert told.status_code == 200, told.text
            return str(told.json()["accessToken"])

    def somebody(self, role: str = "customer", tenant: str = "demo") -> str:
        """The token of a new user, to whom an operator gave role and tenant."""
        email = f"{uuid4().hex}@example.com"
        with self.client() as nobody:
            made = nobody.post("/auth/register", json={"email": email, "password": PASSWORD, "name": "N"})
            assert made.status_code == 201, made.text
        self.change(
            "auth", "UPDATE auth_accounts SET role = ?, tenant_id = ? WHERE email = ?", role, tenant, email
        )
        return self.sign_in(email, PASSWORD)
