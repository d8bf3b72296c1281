"""The venue service: a tenant's venues, seen by who belongs to them; and what it tells the gateway alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.samples.running import Service

SEEDED = "00000000-0000-4000-8000-0000000000a1"
INTERNAL = {"X-Gateway-Internal": "true"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("venues")
    seed = [{"id": SEEDED, "name": "Grand", "tier": "premium", "members": {"ann": "venue-manager"}}]
    env = {"VENUES_SEED": json.dumps(seed)}
    with Service("venues", folder, f"sqlite:///{folder}/venues.db", env) as service:
        yield service.base_url


def of(tenant: str, user: str, role: str = "venue-owner") -> dict[str, str]:
    return {"X-Tenant-ID": tenant, "X-Tenant-Source": "jwt", "X-User-ID": user, "X-User-Role": role}


def test_who_belongs_sees_and_who_owns_rules(address: str) -> None:
    with httpx.Client(base_url=f"{address}/api/v1") as client:
        owner, guard, stranger = of("t-1", "olga"), of("t-1", "gus", "door-staff"), of("t-1", "sam")
        venue = client.post("/venues", json={"name": "Club"}, headers=owner).json()
        path = f"/venues/{venue['id']}"
        assert client.get(path, headers=guard).status_code == 404
        put = client.put(f"{path}/members/gus", json={"role": "door-staff"}, headers=owner)
        assert put.json() == {"userId": "gus", "role": "door-staff"}
        assert client.get(path, headers=guard).json() == venue
        assert client.put(path, json={"name": "Mine"}, headers=guard).status_code == 403
        assert client.get(path, headers=stranger).status_code == 404
        assert client.get(path, headers=of("t-1", "root", "admin")).status_code == 200
        assert client.get(path, headers=of("t-2", "olga", "admin")).status_code == 404
        assert client.get("/venues", headers=owner).json()["total"] == 1
        assert client.get("/venues", headers=of("t-2", "olga")).json()["total"] == 0
        listed = client.get(f"{path}/members", headers=guard).json()["data"]
        assert sorted(one["userId"] for one in listed) == ["gus", "olga"]
        assert (
            client.put(f"/venue/{venue['id']}", json={"tier": "free"}, headers=owner).json()["tier"] == "free"
        )
        assert client.delete(f"{path}/members/gus", headers=owner).status_code == 204
        assert client.get(path, headers=guard).status_code == 404
        assert client.delete(path, headers=owner).status_code == 204


def test_only_the_gateway_may_ask_who_belongs(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        path, demo = f"/venues/{SEEDED}/members/ann", {"X-Tenant-ID": "demo"}
        assert client.get(path, headers=demo).status_code == 403
        assert client.get(path, headers=INTERNAL).status_code == 403
        told = client.get(path, headers={**demo, **INTERNAL})
        assert told.json() == {"venueId": SEEDED, "userId": "ann", "role": "venue-manager", "tier": "premium"}
        assert client.get(path, headers={"X-Tenant-ID": "t-2", **INTERNAL}).status_code == 404
        assert client.get(f"/venues/{SEEDED}/members/bob", headers={**demo, **INTERNAL}).status_code == 404
        assert client.get(f"/venues/{SEEDED}", headers={**demo, **INTERNAL}).status_code == 200
        assert client.get(f"/venues/{SEEDED}", headers={"X-Tenant-ID": "t-2", **INTERNAL}).status_code == 404
        assert client.get("/api/v1/venues/health").json()["service"] == "venue"
        assert client.get("/metrics").status_code == 200
