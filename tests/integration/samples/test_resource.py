"""The resource service: many services in one process, each with its own data, latency and failures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.samples.running import Service

SEEDED = "00000000-0000-4000-8000-0000000000e1"
EVENT = {
    "serves": ["events", "event"],
    "fields": {"name": "text!", "seats": "number", "availability": "any"},
    "seed": [{"id": SEEDED, "name": "Opening", "seats": 20, "venueId": "v-1", "availability": {"left": 3}}],
}
PAYMENT = {
    "serves": ["payments"],
    "fields": {"amount": "number"},
    "actions": {"process": "processed"},
    "raw": ["webhooks"],
    "latency": "5ms",
    "failing": "50%",
    "status": 502,
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("resource")
    env = {"RESOURCE_EVENT": json.dumps(EVENT), "RESOURCE_PAYMENT": json.dumps(PAYMENT)}
    with Service("resource", folder, f"sqlite:///{folder}/resource.db", env) as service:
        yield service.base_url


def of(tenant: str, **more: str) -> dict[str, str]:
    """The fields by which a gateway tells who calls."""
    return {
        "X-Tenant-ID": tenant,
        "X-Tenant-Source": "jwt",
        "X-User-ID": "u-1",
        "X-User-Role": "customer",
        **more,
    }


def test_objects_are_a_tenants_and_a_venues(address: str) -> None:
    with httpx.Client(base_url=f"{address}/event/api/v1") as client:
        ours, theirs = of("t-1"), of("t-2")
        made = client.post("/events", json={"name": "Gala", "venueId": "v-2"}, headers=ours).json()
        assert (made["name"], made["status"], made["createdBy"], made["venueId"]) == (
            "Gala",
            "new",
            "u-1",
            "v-2",
        )
        path = f"/event/{made['id']}"
        assert client.get(path, headers=ours).json() == made
        assert client.get(path, headers=theirs).status_code == 404
        assert client.get("/events", headers=theirs).json()["total"] == 0
        at_venue = of("t-1", **{"X-Venue-Context-Id": "v-1"})
        assert client.get(path, headers=at_venue).status_code == 404
        bound = client.post("/events", json={"name": "Matinee", "venueId": "v-2"}, headers=at_venue).json()
        assert bound["venueId"] == "v-1", "the checked venue counts, not the written one"
        told = client.get("/events", headers=at_venue).json()
        assert (told["total"], told["for"]["venue"], told["service"]) == (1, "v-1", "event")
        changed = client.put(path, json={"seats": 7}, headers=ours).json()
        assert (changed["name"], changed["seats"]) == ("Gala", 7)
        assert client.delete(path, headers=ours).status_code == 204
        assert client.get(path, headers=ours).status_code == 404
        demo = of("demo")
        assert client.get(f"/events/{SEEDED}", headers=demo).json()["seats"] == 20
        assert client.get(f"/events/{SEEDED}/availability", headers=demo).json()["availability"] == {
            "left": 3
        }


def test_a_tenant_counts_only_with_its_source(address: str) -> None:
    with httpx.Client(base_url=f"{address}/event/api/v1") as client:
        for fields in ({}, {"X-Tenant-ID": "demo"}, {"X-Tenant-ID": "demo", "X-Tenant-Source": "header"}):
            assert client.get("/events", headers=fields).status_code == 401
        assert client.get("/events", headers=of("demo")).status_code == 200


def test_every_member_that_does_not_fit_is_named(address: str) -> None:
    refused = httpx.post(f"{address}/event/api/v1/events", json={"seats": "many", "x": 1}, headers=of("t-1"))
    assert refused.status_code == 422
    failures = refused.json()["error"]["details"]["errors"]
    assert {(one["field"], one["rule"]) for one in failures} == {
        ("seats", "type"),
        ("x", "unknown"),
        ("name", "missing"),
    }


def test_one_is_broken_and_the_other_works(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        statuses = [
            client.post("/payment/api/v1/payments/process", json={"amount": 5}, headers=of("t-1")).status_code
            for _ in range(6)
        ]
        assert sorted(statuses) == [201, 201, 201, 502, 502, 502]
        assert client.get("/payment/health").json()["status"] == "healthy"
        assert client.put("/event/behaviour", json={"failing": "100%", "status": 503}).status_code == 200
        assert client.get("/event/api/v1/events", headers=of("t-1")).status_code == 503
        assert client.get("/event/api/v1/events/health").status_code == 503
        client.put("/payment/behaviour", json={})
        assert client.get("/payment/api/v1/payments", headers=of("t-1")).status_code == 200
        assert client.put("/event/behaviour", json={}).json() == {
            "latency": 0.0,
            "failing": 0.0,
            "status": 500,
        }
        assert client.get("/event/api/v1/events", headers=of("t-1")).status_code == 200
        assert 'service="payment",method="POST",status_code="502"} 3' in client.get("/payment/metrics").text


def test_webhooks_arrive_byte_for_byte(address: str) -> None:
    body = b'{"id": "evt_1" ,\r\n "x":"\xc3\xa9"}'
    fields = {"Content-Type": "application/json", "Stripe-Signature": "t=1,v1=ab"}
    with httpx.Client(base_url=f"{address}/payment/api/v1") as client:
        client.put(f"{address}/payment/behaviour", json={})
        told: dict[str, Any] = client.post("/webhooks/stripe", content=body, headers=fields).json()
        assert told["received"] == {
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "contentType": "application/json",
            "signature": "t=1,v1=ab",
        }
        assert client.get("/other/stripe").status_code == 404


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "no service is described"),
        ({"RESOURCE_EVENT": "{}"}, "RESOURCE_EVENT: serves: Field required"),
        ({"RESOURCE_EVENT": '{"serves": ["events"], "latency": "soon"}'}, "RESOURCE_EVENT: latency:"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    service = Service("resource", tmp_path, None, variables)
    with pytest.raises(AssertionError, match="ended with 2"):
        service.start().wait()
    assert said in service.log.read_text()
