"""The six integration checks of the platform (requirements 18.1), and that a token is all that was missing."""

from __future__ import annotations

import httpx

from tests.integration.profile.running import Platform, Visitor, look_at

NO_TOKEN = {"error": {"message": "No authentication token provided", "statusCode": 401}}


def test_the_six_checks(platform: Platform, agent: Visitor) -> None:
    with httpx.Client(base_url=platform.address) as client:
        health = client.get("/health")
        assert health.status_code == 200
        told = health.json()
        assert told.keys() == {"status", "service", "version", "uptime", "timestamp"}
        assert (told["status"], told["service"]) == ("healthy", "psa-api-gateway")
        assert isinstance(told["uptime"], int)

        directly = platform.ask_service("tickets", "/health")
        assert directly.status_code == 200
        assert (directly.json()["status"], directly.json()["service"]) == ("healthy", "tickets")

        for route in ("tickets", "time-entries", "comments"):
            refused = client.get(f"/api/v1/{route}")
            assert (refused.status_code, refused.json()) == (401, NO_TOKEN)
            assert refused.headers["www-authenticate"].startswith("Bearer")
            look_at(refused)

        detailed = client.get("/health/detailed").json()
        assert len(detailed["workers"]) == 2
        for service in ("tickets", "auth", "crm"):
            assert detailed[service]["state"] == "CLOSED"

    made = agent.post("/tickets", {"title": "The printer burns"})
    assert platform.rows("tickets", "SELECT title FROM tickets WHERE id = ?", made["id"]) == [
        ("The printer burns",)
    ]
    for route in ("tickets", "time-entries", "comments"):
        assert agent.get(f"/{route}").keys() == {"data", "page", "limit", "total"}
