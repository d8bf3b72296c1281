"""Tickets: made, listed, changed, moved, assigned, deleted, and seen by nobody else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from samples.tickets.status import NEXT, STATUSES, Status
from tests.integration.samples.running import Caller, Tenant

FIELDS = {
    "id", "number", "title", "description", "status", "priority", "companyId", "requesterId",
    "assigneeId", "tags", "dueAt", "createdAt", "updatedAt",
}  # fmt: skip
NO_TICKET = "/tickets/00000000-0000-4000-8000-00000000dead"


def make(caller: Caller, title: str = "A printer burns", **fields: Any) -> dict[str, Any]:
    ticket: dict[str, Any] = caller.post("/tickets", {"title": title, **fields})
    return ticket


def titles(answer: dict[str, Any]) -> list[str]:
    return [ticket["title"] for ticket in answer["data"]]


def test_a_new_ticket_is_open_numbered_and_found_where_location_says(agent: Caller) -> None:
    answer = agent.send("POST", "/tickets", json={"title": "  A printer burns  "})
    assert answer.status_code == 201
    ticket = answer.json()
    assert ticket.keys() == FIELDS
    assert (ticket["title"], ticket["description"], ticket["status"]) == ("A printer burns", "", "open")
    assert (ticket["number"], ticket["priority"], ticket["tags"]) == (1, "medium", [])
    assert (ticket["requesterId"], ticket["assigneeId"], ticket["companyId"]) == (agent.user, None, None)
    assert ticket["createdAt"] == ticket["updatedAt"]
    assert answer.headers["location"] == f"/api/v1/tickets/{ticket['id']}"
    assert agent.get(f"/tickets/{ticket['id']}") == ticket
    assert make(agent)["number"] == 2


def test_every_field_is_kept(agent: Caller) -> None:
    company = "6f2c0ab0-1b5f-4a52-9c6b-d0b1f6a6c001"
    ticket = make(
        agent,
        "Übergröße 🖨",
        description="It burns.\nStill.",
        priority="urgent",
        companyId=company.upper(),
        requesterId="someone",
        assigneeId="a-worker",
        tags=["fire", "fire", "printer"],
        dueAt="2031-05-06T07:08:09+02:00",
    )
    assert ticket["title"] == "Übergröße 🖨"
    assert ticket["description"] == "It burns.\nStill."
    assert (ticket["priority"], ticket["companyId"]) == ("urgent", company)
    assert (ticket["requesterId"], ticket["assigneeId"]) == ("someone", "a-worker")
    assert ticket["tags"] == ["fire", "printer"]
    assert datetime.fromisoformat(ticket["dueAt"]) == datetime.fromisoformat("2031-05-06T05:08:09Z")
    assert ticket["dueAt"].endswith("Z")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["title"]),
        ({"title": "   "}, ["title"]),
        ({"title": "x" * 201}, ["title"]),
        ({"title": "a\x00b"}, ["title"]),
        ({"title": 7, "priority": "huge", "tags": "fire"}, ["title", "priority", "tags"]),
        ({"title": "x", "tags": ["ok", ""]}, ["tags.1"]),
        ({"title": "x", "dueAt": "2031-05-06T07:08:09"}, ["dueAt"]),
        ({"title": "x", "dueAt": "9999-12-31T23:59:59-12:00"}, ["dueAt"]),
        ({"title": "x", "companyId": "nonsense"}, ["companyId"]),
        ({"title": "x", "status": "closed"}, ["status"]),
        ({"title": "x", "tenantId": "another"}, ["tenantId"]),
        (["title"], ["body"]),
    ],
)
def test_a_wrong_ticket_is_refused_by_field(agent: Caller, body: Any, fields: list[str]) -> None:
    error = agent.post("/tickets", body, 422)
    assert [failure["field"] for failure in error["details"]["errors"]] == fields
    assert all(f"{field}: " in error["message"] for field in fields)
    assert error["details"]["field"] == fields[0]


def test_what_is_no_json_is_a_bad_request(agent: Caller) -> None:
    for content in (b"", b"{", b'{"title": "\xff"}', b'{"title": "\\ud800"}'):
        assert agent.send("POST", "/tickets", content=content).status_code == 400


def test_a_body_beyond_the_limit_is_too_large(agent: Caller) -> None:
    huge = b'{"title":"' + b"x" * (1024 * 1024) + b'"}'
    answer = agent.send("POST", "/tickets", content=huge)
    assert answer.status_code == 413
    assert answer.json()["error"]["statusCode"] == 413
    assert make(agent)["number"] == 1


def test_a_put_changes_what_it_sends_and_nothing_else(agent: Caller) -> None:
    ticket = make(agent, description="It burns", tags=["fire"], dueAt="2031-05-06T07:08:09Z")
    path = f"/tickets/{ticket['id']}"
    changed = agent.put(path, {"title": "It is out", "dueAt": None})
    assert changed == {**ticket, "title": "It is out", "dueAt": None, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > ticket["updatedAt"]
    assert agent.put(path, {"title": "It is out"}) == changed
    assert agent.put(path, {}) == changed
    assert agent.get(path) == changed


@pytest.mark.parametrize("field", ["id", "number", "status", "assigneeId", "requesterId", "createdAt", "x"])
def test_a_put_refuses_fields_that_it_would_not_change(agent: Caller, field: str) -> None:
    ticket = make(agent)
    error = agent.put(f"/tickets/{ticket['id']}", {"title": "New", field: ticket.get(field)}, 422)
    assert error["details"]["field"] == field
    assert agent.get(f"/tickets/{ticket['id']}") == ticket


PATHS: dict[Status, list[Status]] = {
    "open": [],
    "in_progress": ["in_progress"],
    "waiting": ["waiting"],
    "resolved": ["in_progress", "resolved"],
    "closed": ["resolved", "closed"],
}


@pytest.mark.parametrize("start", STATUSES)
def test_only_sensible_steps_are_taken(agent: Caller, start: Status) -> None:
    for wanted in STATUSES:
        path = f"/tickets/{make(agent)['id']}"
        for step in PATHS[start]:
            agent.patch(f"{path}/status", {"status": step})
        if wanted in NEXT[start]:
            assert agent.patch(f"{path}/status", {"status": wanted})["status"] == wanted
        else:
            error = agent.patch(f"{path}/status", {"status": wanted}, 409)
            assert error["message"].startswith(f"A ticket that is {start} cannot become {wanted}; ")
            assert agent.get(path)["status"] == start


def test_an_unknown_status_is_invalid(agent: Caller) -> None:
    error = agent.patch(f"/tickets/{make(agent)['id']}/status", {"status": "lost"}, 422)
    assert error["details"]["field"] == "status"


def test_a_ticket_is_given_to_somebody_and_taken_back(agent: Caller) -> None:
    path = f"/tickets/{make(agent)['id']}"
    assert agent.patch(f"{path}/assign", {"assigneeId": "a-worker"})["assigneeId"] == "a-worker"
    assert agent.patch(f"{path}/assign", {"assigneeId": None})["assigneeId"] is None
    assert agent.patch(f"{path}/assign", {}, 422)["details"]["field"] == "assigneeId"
    agent.patch(f"{path}/status", {"status": "closed"})
    agent.patch(f"{path}/assign", {"assigneeId": "a-worker"}, 409)


def test_the_activity_log_tells_what_happened(agent: Caller, manager: Caller) -> None:
    ticket = make(agent)
    path = f"/tickets/{ticket['id']}"
    agent.put(path, {"title": "New", "priority": "low"})
    manager.patch(f"{path}/assign", {"assigneeId": "a-worker"})
    agent.patch(f"{path}/status", {"status": "in_progress"})
    agent.patch(f"{path}/status", {"status": "in_progress"}, 409)
    log = agent.get(f"{path}/activity")
    assert [(entry["action"], entry["actorId"]) for entry in log["data"]] == [
        ("status_changed", agent.user),
        ("assigned", manager.user),
        ("updated", agent.user),
        ("created", agent.user),
    ]
    assert log["data"][0]["details"] == {"from": "open", "to": "in_progress"}
    assert log["data"][2]["details"] == {"fields": ["priority", "title"]}
    assert (log["total"], log["page"], log["limit"]) == (4, 1, 20)
    oldest = agent.get(f"{path}/activity", sortOrder="asc", limit=1, page=2)
    assert [entry["action"] for entry in oldest["data"]] == ["updated"]
    assert agent.get(f"{path}/activity", 422, sortBy="action")["details"]["field"] == "sortBy"


def test_only_a_manager_deletes_and_all_goes_with_it(agent: Caller, manager: Caller) -> None:
    path = f"/tickets/{make(agent)['id']}"
    comment = agent.post(f"{path}/comments", {"body": "Hm"})
    entry = agent.post(f"{path}/time-entries", {"minutes": 5})
    agent.delete(path, 403)
    manager.delete(path)
    manager.delete(path, 404)
    for gone in (path, f"{path}/activity", f"/comments/{comment['id']}", f"/time-entries/{entry['id']}"):
        agent.get(gone, 404)


def test_a_ticket_with_billed_time_is_not_deleted(agent: Caller, manager: Caller) -> None:
    path = f"/tickets/{make(agent)['id']}"
    entry = agent.post(f"{path}/time-entries", {"minutes": 5})
    manager.put(f"/time-entries/{entry['id']}", {"billedAt": "2030-01-01T00:00:00Z"})
    assert "billed" in manager.delete(path, 409)["message"]
    agent.get(path)


def test_a_user_sees_and_works_on_their_own_tickets_only(tenant: Tenant, agent: Caller, user: Caller) -> None:
    mine, foreign = make(user, "mine"), make(agent, "foreign")
    path, hidden = f"/tickets/{mine['id']}", f"/tickets/{foreign['id']}"
    assert titles(user.get("/tickets")) == ["mine"]
    assert user.get(path) == mine
    for tail in ("", "/activity", "/comments", "/comments/count", "/time-entries", "/time-entries/summary"):
        user.get(hidden + tail, 404)
    user.put(hidden, {"title": "x"}, 404)
    user.patch(f"{hidden}/status", {"status": "closed"}, 404)
    user.post(f"{hidden}/comments", {"body": "x"}, 404)
    user.put(path, {"title": "still mine"})
    user.patch(f"{path}/status", {"status": "in_progress"}, 403)
    user.patch(f"{path}/assign", {"assigneeId": user.user}, 403)
    user.patch(f"{path}/status", {"status": "closed"})
    user.delete(path, 403)
    user.post("/tickets", {"title": "x", "assigneeId": "a-worker"}, 403)
    user.post("/tickets", {"title": "x", "requesterId": "someone"}, 403)
    user.post("/tickets", {"title": "x", "requesterId": user.user})
    agent.patch(f"{hidden}/assign", {"assigneeId": user.user})
    user.get(hidden)


def test_another_tenant_sees_nothing(tenant: Tenant, agent: Caller, tickets_service: Any) -> None:
    ticket = make(agent)
    path = f"/tickets/{ticket['id']}"
    comment = agent.post(f"{path}/comments", {"body": "Hm"})
    entry = agent.post(f"{path}/time-entries", {"minutes": 5})
    others = Tenant(tickets_service.base_url)
    stranger = others.caller("admin")
    for gone in (
        path, f"{path}/activity", f"{path}/comments", f"{path}/comments/count", f"{path}/time-entries",
        f"{path}/time-entries/summary", f"/comments/{comment['id']}", f"/time-entries/{entry['id']}",
    ):  # fmt: skip
        assert stranger.get(gone, 404)["message"].endswith(" not found")
    stranger.put(path, {"title": "x"}, 404)
    stranger.patch(f"{path}/status", {"status": "closed"}, 404)
    stranger.patch(f"{path}/assign", {"assigneeId": "x"}, 404)
    stranger.delete(path, 404)
    stranger.post(f"{path}/comments", {"body": "x"}, 404)
    stranger.post(f"{path}/time-entries", {"minutes": 1}, 404)
    stranger.put(f"/comments/{comment['id']}", {"body": "x"}, 404)
    stranger.delete(f"/comments/{comment['id']}", 404)
    stranger.put(f"/time-entries/{entry['id']}", {"minutes": 1}, 404)
    stranger.delete(f"/time-entries/{entry['id']}", 404)
    for listing in ("/tickets", "/comments", "/time-entries", "/time-entries/unbilled"):
        assert stranger.get(listing)["total"] == 0
        assert agent.get(listing)["total"] == 1
    named = {"X-Tenant-ID": tenant.id, "X-Tenant-Source": "jwt"}
    assert stranger.send("GET", path, headers=named).status_code == 404
    assert stranger.get("/tickets", tenantId=tenant.id, tenant_id=tenant.id)["total"] == 0
    assert make(stranger)["number"] == 1
    others.close()


@pytest.mark.parametrize("written", ["nonsense", "1", "00000000-0000-4000-8000-00000000dead", "%00", "a%2Fb"])
def test_what_is_no_ticket_is_not_found(agent: Caller, written: str) -> None:
    agent.get(f"/tickets/{written}", 404)
