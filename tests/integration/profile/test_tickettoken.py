"""The profile tickettoken as its operators have it: 19 services, T's forms, venues, and one service that breaks."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.integration.profile.running import DEMO
from tests.integration.profile.tickettoken import Tickettoken
from tests.integration.samples.running import SECRET
from tests.integration.supervised import until
from tests.unit.samples.test_tickettoken import PORTS

pytestmark = pytest.mark.xdist_group("platform-tickettoken")

MINE, OTHER = "00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-0000000000a2"
EVENT = "00000000-0000-4000-8000-0000000000e1"
FORM = {"statusCode", "error", "message", "code", "details", "requestId", "timestamp"}


@pytest.fixture
def manager(tickettoken: Tickettoken) -> Iterator[httpx.Client]:
    """The demo user: manager of one venue."""
    with tickettoken.client(tickettoken.sign_in(DEMO["email"], DEMO["password"])) as client:
        yield client


@pytest.fixture
def customer(tickettoken: Tickettoken) -> Iterator[httpx.Client]:
    with tickettoken.client(tickettoken.somebody()) as client:
        yield client


def test_health_shows_all_19_breakers(tickettoken: Tickettoken) -> None:
    health = httpx.get(f"{tickettoken.address}/health").json()
    assert {"status", "timestamp", "uptime", "memory", "pid", "version", "circuitBreakers"} == health.keys()
    assert health["circuitBreakers"].keys() == {f"{name}-service" for name in PORTS}
    assert httpx.get(f"{tickettoken.address}/live").json() == {"status": "alive"}
    with tickettoken.client() as nobody:
        for prefix, service in {
            "events": "event",
            "venues": "venue",
            "nft": "minting",
            "files": "file",
        }.items():
            assert nobody.get(f"/{prefix}/health").json()["service"] == service
            assert nobody.get(f"/{prefix}/metrics").status_code == 200
        assert nobody.get("/auth/health").json()["service"] == "auth"


def test_three_processes_stand_for_nineteen_services(tickettoken: Tickettoken) -> None:
    children = tickettoken.status()["children"]
    assert {child["service"] for child in children} == {
        "auth-service",
        "venue-service",
        "samples.resource:app",
    }


def test_errors_have_the_platforms_form_and_words(tickettoken: Tickettoken, customer: httpx.Client) -> None:
    with tickettoken.client() as nobody:
        refused = [
            (nobody.get("/events"), 401, "AUTH_REQUIRED", "Missing or invalid Authorization header"),
            (nobody.get("/search/events"), 401, "AUTH_REQUIRED", "Missing or invalid Authorization header"),
            (nobody.get("/events", headers={"Authorization": "Bearer x.y.z"}), 401, "INVALID_TOKEN",
             "Invalid or expired token"),
            (customer.get("/monitoring/checks"), 403, "FORBIDDEN", "Insufficient permissions"),
            (customer.get(f"/venues/{OTHER}"), 404, "NOT_FOUND", "Venue not found"),
            (nobody.get("/orders"), 404, "NOT_FOUND", "Resource not found"),
        ]  # fmt: skip
    for answer, status, code, message in refused:
        told = answer.json()
        assert told.keys() == FORM
        assert (answer.status_code, told["statusCode"], told["code"], told["message"]) == (
            status, status, code, message,
        )  # fmt: skip
        assert told["requestId"] == answer.headers["x-request-id"]
        assert answer.headers["x-xss-protection"] == "1; mode=block"
        assert answer.headers["cache-control"] == "no-store"


def test_auth_is_reached_without_its_prefix(tickettoken: Tickettoken, customer: httpx.Client) -> None:
    me = customer.get("/auth/me").json()
    assert (me["role"], me["tenantId"]) == ("customer", "demo")
    assert customer.post("/auth/logout").status_code == 204


def test_tokens_are_refreshed_once_and_end_with_the_logout(tickettoken: Tickettoken) -> None:
    with tickettoken.client() as nobody:
        answer = nobody.post("/auth/login", json={"email": DEMO["email"], "password": DEMO["password"]})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        fresh = nobody.post("/auth/refresh", json={"refreshToken": told["refreshToken"]})
        assert fresh.status_code == 200, fresh.text
        again = fresh.json()
        assert nobody.post("/auth/refresh", json={"refreshToken": told["refreshToken"]}).status_code == 401
        # The spent one has ended the family.
        assert nobody.post("/auth/refresh", json={"refreshToken": again["refreshToken"]}).status_code == 401
    with tickettoken.client(tickettoken.sign_in(DEMO["email"], DEMO["password"])) as client:
        assert client.get("/auth/me").status_code == 200
        assert client.post("/auth/logout").status_code == 204
        assert client.get("/auth/me").status_code == 401


def test_pages_of_the_front_end_may_read(tickettoken: Tickettoken, customer: httpx.Client) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-venue-id,x-tenant-id",
    }
    for origin, allowed in (
        ("http://frontend:5173", True),
        ("http://localhost:9", True),
        ("http://evil", False),
    ):
        reply = httpx.options(f"{tickettoken.address}/api/v1/events", headers={"Origin": origin, **asked})
        assert (reply.headers.get("access-control-allow-origin") == origin) == allowed
        read = customer.get("/events", headers={"Origin": origin})
        assert ("access-control-allow-origin" in read.headers) == allowed


def test_everybody_looks_and_only_members_change(manager: httpx.Client, customer: httpx.Client) -> None:
    for client in (manager, customer):
        assert client.get(f"/events/{EVENT}").json()["name"] == "Opening night"
        assert client.get("/event").json()["total"] >= 1
    gala = {"name": "Gala", "venueId": MINE}
    made = manager.post("/events", json=gala)
    assert (made.status_code, made.json()["venueId"]) == (201, MINE)
    # The user's own venue, when none is named.
    assert manager.post("/events", json={"name": "Own"}).json()["venueId"] == MINE
    tried: list[tuple[httpx.Client, dict[str, Any]]] = [
        (customer, {"json": gala}),
        (manager, {"json": {**gala, "venueId": OTHER}}),
        (manager, {"json": gala, "headers": {"X-Venue-ID": OTHER}}),
        (manager, {"json": gala, "params": {"venueId": OTHER}}),
    ]
    for client, options in tried:
        answer = client.post("/events", **options)
        assert (answer.status_code, answer.json()["message"]) == (404, "Venue not found")
    report = manager.get("/analytics", params={"venueId": MINE}).json()
    assert (report["total"], report["for"]["venue"], report["for"]["venueRole"]) == (1, MINE, "venue-manager")
    bought = customer.post("/tickets/purchase", json={"eventId": EVENT, "quantity": 2})
    assert (bought.status_code, bought.json()["status"]) == (201, "purchased")
    assert customer.post("/tickets/validate", json={"code": "x"}).status_code == 404


def test_an_admin_passes_at_every_venue_of_the_tenant(tickettoken: Tickettoken) -> None:
    with tickettoken.client(tickettoken.somebody("admin")) as admin:
        for venue in (MINE, OTHER):
            assert admin.get(f"/venues/{venue}").status_code == 200
            assert admin.get("/analytics", params={"venueId": venue}).status_code == 200
        assert admin.get(f"/venues/{uuid4()}").json()["message"] == "Venue not found"


def test_a_user_who_is_gone_is_nobody(tickettoken: Tickettoken) -> None:
    said = {"user_id": str(uuid4()), "tenant_id": "demo", "role": "admin", "type": "access"}
    token = jwt.encode({**said, "iss": "tickettoken-api", "exp": time.time() + 60}, SECRET, algorithm="HS256")
    with tickettoken.client(token) as ghost:
        # While the auth service takes its time on a busy machine, the token counts.
        until(lambda: ghost.get("/events").status_code == 401, "the refusal")


def test_webhooks_and_search_arrive_where_they_belong(
    tickettoken: Tickettoken, customer: httpx.Client
) -> None:
    body = b'{"id":  "evt_1"}\r\n'
    with tickettoken.client() as stripe:
        for path in ("/webhooks/stripe", "/payments/webhooks/stripe"):
            fields = {"Stripe-Signature": "t=1,v1=ab", "Content-Type": "application/json", "X-Other": "1"}
            answer = stripe.post(path, content=body, headers=fields)
            if path.startswith("/webhooks"):
                told = answer.json()
                assert told["path"].endswith("/api/v1/webhooks/stripe")
                assert told["received"]["sha256"] == hashlib.sha256(body).hexdigest()
                assert told["received"]["signature"] == "t=1,v1=ab"
            assert answer.status_code != 401
    assert customer.get("/search/events").json()["service"] == "search"
    with httpx.Client(base_url=tickettoken.address) as client:
        spoofed = {"X-Tenant-ID": "another", "X-Tenant-Source": "jwt", "X-User-Role": "admin"}
        told = client.get("/api/v1/events", headers={**customer.headers, **spoofed}).json()
        assert (told["for"]["tenant"], told["for"]["role"]) == ("demo", "customer")


def test_one_service_breaks_and_the_others_do_not(tickettoken: Tickettoken, customer: httpx.Client) -> None:
    behave(tickettoken, "notification", {"failing": "100%", "status": 500})

    def opened() -> bool:
        answer = customer.get("/notifications")
        return bool(
            answer.status_code == 503
            and answer.json()["message"] == "Service unavailable: notification-service"
        )

    until(opened, "the breaker to open")
    breakers = httpx.get(f"{tickettoken.address}/health").json()["circuitBreakers"]
    assert [name for name, one in breakers.items() if one["state"] == "OPEN"] == ["notification-service"]
    assert customer.get("/events").status_code == 200
    behave(tickettoken, "notification", {})


def behave(tickettoken: Tickettoken, service: str, conduct: dict[str, Any]) -> None:
    """Tell one of the services, past the gateway, how to behave."""
    command = (
        Path(f"/proc/{tickettoken.child('samples.resource:app')['pid']}/cmdline").read_text().split("\0")
    )
    (socket,) = (word.removeprefix("--socket=") for word in command if word.startswith("--socket="))
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
        answer = client.put(f"http://services/{service}/behaviour", content=json.dumps(conduct))
        assert answer.status_code == 200, answer.text
