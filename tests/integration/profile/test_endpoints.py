"""Every endpoint of every service, driven through the gateway with a token from its login, down to the database.

Each visitor uses both workers in turns (`Visitor`), so that what one worker did the other one sees.
"""

from __future__ import annotations

import samples.auth
import samples.crm
import samples.tickets
from tests.integration.profile.running import PASSWORD, Platform, Visitor
from tests.integration.samples.test_doors import endpoints

WHEN = "2030-01-01T08:00:00Z"


def test_the_23_endpoints_of_tickets(platform: Platform, agent: Visitor, manager: Visitor) -> None:
    ticket = agent.post("/tickets", {"title": "The printer burns", "priority": "urgent", "tags": ["fire"]})
    path = f"/tickets/{ticket['id']}"
    assert (ticket["status"], ticket["requesterId"]) == ("open", agent.user)
    assert platform.rows(
        "tickets", "SELECT tenant_id, requester_id FROM tickets WHERE id = ?", ticket["id"]
    ) == [("demo", agent.user)]
    assert agent.get(path) == ticket
    assert ticket in agent.get("/tickets", status="open", priority="urgent", limit=100)["data"]
    assert agent.put(path, {"title": "The printer smokes"})["title"] == "The printer smokes"
    assert agent.patch(f"{path}/assign", {"assigneeId": manager.user})["assigneeId"] == manager.user
    assert agent.patch(f"{path}/status", {"status": "in_progress"})["status"] == "in_progress"
    assert agent.patch(f"{path}/status", {"status": "nonsense"}, 422)["details"]["field"] == "status"
    assert platform.rows(
        "tickets", "SELECT title, status, assignee_id FROM tickets WHERE id = ?", ticket["id"]
    ) == [("The printer smokes", "in_progress", manager.user)]

    entry = agent.post(f"{path}/time-entries", {"minutes": 30, "description": "Extinguished it"})
    own = f"/time-entries/{entry['id']}"
    assert agent.get(own) == entry
    assert agent.put(own, {"minutes": 45})["minutes"] == 45
    assert [one["id"] for one in agent.get(f"{path}/time-entries")["data"]] == [entry["id"]]
    assert agent.get(f"{path}/time-entries/summary")["totalMinutes"] == 45
    assert [one["id"] for one in agent.get("/time-entries", ticketId=ticket["id"])["data"]] == [entry["id"]]
    assert [one["id"] for one in agent.get("/time-entries/unbilled", ticketId=ticket["id"])["data"]] == [
        entry["id"]
    ]
    manager.put(own, {"billedAt": WHEN})
    assert agent.get("/time-entries/unbilled", ticketId=ticket["id"])["total"] == 0
    assert platform.rows(
        "tickets", "SELECT minutes, user_id FROM ticket_time_entries WHERE id = ?", entry["id"]
    ) == [(45, agent.user)]
    second = agent.post(f"{path}/time-entries", {"minutes": 1})
    agent.delete(f"/time-entries/{second['id']}")
    agent.get(f"/time-entries/{second['id']}", 404)

    comment = agent.post(f"{path}/comments", {"body": "Ärger! 🔥"})
    said = f"/comments/{comment['id']}"
    assert agent.get(said)["body"] == "Ärger! 🔥"
    assert [one["id"] for one in agent.get(f"{path}/comments")["data"]] == [comment["id"]]
    assert agent.get(f"{path}/comments/count") == {"ticketId": ticket["id"], "count": 1}
    assert [one["id"] for one in agent.get("/comments", ticketId=ticket["id"])["data"]] == [comment["id"]]
    assert agent.put(said, {"body": "It is out"})["body"] == "It is out"
    assert platform.rows("tickets", "SELECT body FROM ticket_comments WHERE id = ?", comment["id"]) == [
        ("It is out",)
    ]
    agent.delete(said)
    agent.get(said, 404)

    deeds = [entry["action"] for entry in agent.get(f"{path}/activity", limit=100)["data"]]
    assert len(deeds) >= 8
    agent.patch(f"{path}/status", {"status": "closed"})
    agent.patch(f"{path}/status", {"status": "open"}, 409)
    assert manager.delete(path, 409)["message"], "there is billed time on it"
    other = agent.post("/tickets", {"title": "A mistake"})
    manager.delete(f"/tickets/{other['id']}")
    assert platform.rows("tickets", "SELECT 1 FROM tickets WHERE id = ?", other["id"]) == []
    assert set(endpoints(samples.tickets.app)) <= agent.driven | manager.driven


def test_the_endpoints_of_auth(platform: Platform, nobody: Visitor) -> None:
    with platform.newcomer() as ada:
        assert ada.get("/auth/me")["email"] == ada.email
        assert ada.put("/auth/me", {"name": "Ada L."})["name"] == "Ada L."
        changed = {"currentPassword": PASSWORD, "newPassword": "battery staple"}
        ada.post("/auth/change-password", changed, 204)
        asked = nobody.post("/auth/forgot-password", {"email": ada.email}, 202)
        reset = {"token": asked["resetToken"], "password": "another one again"}
        nobody.post("/auth/reset-password", reset, 204)
        nobody.post("/auth/login", {"email": ada.email, "password": "battery staple"}, 401)
        nobody.post("/auth/login", {"email": ada.email, "password": "another one again"}, 200)
        confirm = ada.put("/auth/me", {"email": f"new-{ada.email}", "currentPassword": "another one again"})
        proof = {"token": confirm["verificationToken"]}
        assert nobody.post("/auth/verify-email", proof, 200)["emailVerified"] is True
        assert platform.rows(
            "auth", "SELECT name, email_verified_at IS NULL FROM auth_accounts WHERE id = ?", ada.user
        ) == [("Ada L.", 0)]
        nobody.post("/auth/register", {"email": f"new-{ada.email}", "password": PASSWORD}, 409)
        ada.post("/auth/logout", None, 204)
        assert set(endpoints(samples.auth.app)) <= ada.driven | nobody.driven


def test_the_endpoints_of_crm(platform: Platform, agent: Visitor, manager: Visitor) -> None:
    company = agent.post("/crm/companies", {"name": "ACME", "website": "acme.example"})
    path = f"/crm/companies/{company['id']}"
    assert agent.get(path) == company
    assert agent.put(path, {"notes": "Pays late"})["notes"] == "Pays late"
    contact = agent.post("/crm/contacts", {"name": "Ada", "companyId": company["id"]})
    person = f"/crm/contacts/{contact['id']}"
    assert agent.get(person) == contact
    assert agent.put(person, {"phone": "+49 30 1"})["phone"] == "+49 30 1"
    assert contact["id"] in [one["id"] for one in agent.get("/crm/contacts", limit=100)["data"]]
    assert company["id"] in [one["id"] for one in agent.get("/crm/companies", limit=100)["data"]]
    assert platform.rows("crm", "SELECT name, notes FROM crm_companies WHERE id = ?", company["id"]) == [
        ("ACME", "Pays late")
    ]
    assert platform.rows("crm", "SELECT phone FROM crm_contacts WHERE id = ?", contact["id"]) == [
        ("+49 30 1",)
    ]
    manager.delete(person)
    manager.delete(path)
    assert platform.rows("crm", "SELECT 1 FROM crm_companies WHERE id = ?", company["id"]) == []
    assert set(endpoints(samples.crm.app)) <= agent.driven | manager.driven


def test_the_health_of_the_services_is_public(nobody: Visitor) -> None:
    for service in ("auth", "tickets", "crm"):
        told = nobody.get(f"/{service}/health")
        assert (told["status"], told["service"]) == ("healthy", service)
