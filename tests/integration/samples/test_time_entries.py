"""Time: logged, summed, billed, and fixed once it is billed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.samples.running import Caller, Tenant
from tests.integration.samples.test_tickets import NO_TICKET, make

WHEN = "2030-01-01T08:00:00Z"


@pytest.fixture
def path(user: Caller) -> str:
    """A ticket of the user's."""
    return f"/tickets/{make(user)['id']}"


def test_time_is_logged_read_changed_and_deleted(agent: Caller, path: str) -> None:
    answer = agent.send("POST", f"{path}/time-entries", json={"minutes": 30, "workedAt": WHEN})
    assert answer.status_code == 201
    entry = answer.json()
    own = f"/time-entries/{entry['id']}"
    assert answer.headers["location"] == f"/api/v1{own}"
    assert entry == {
        "id": entry["id"],
        "ticketId": path.split("/")[-1],
        "userId": agent.user,
        "minutes": 30,
        "description": "",
        "billable": True,
        "billedAt": None,
        "workedAt": WHEN,
    }
    assert agent.get(own) == entry
    changed = agent.put(own, {"minutes": 45, "description": "Printing"})
    assert changed == {**entry, "minutes": 45, "description": "Printing"}
    assert agent.put(own, {"minutes": 45}) == changed
    agent.delete(own)
    agent.get(own, 404)
    agent.delete(own, 404)


def test_time_worked_now_by_default(agent: Caller, path: str) -> None:
    entry = agent.post(f"{path}/time-entries", {"minutes": 1})
    assert entry["workedAt"] >= agent.get(path)["createdAt"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "minutes"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": -5}, "minutes"),
        ({"minutes": 1.5}, "minutes"),
        ({"minutes": "30"}, "minutes"),
        ({"minutes": True}, "minutes"),
        ({"minutes": 10**30}, "minutes"),
        ({"minutes": 1, "billable": "no"}, "billable"),
        ({"minutes": 1, "userId": "someone"}, "userId"),
        ({"minutes": 1, "billedAt": WHEN}, "billedAt"),
        ({"minutes": 1, "workedAt": "yesterday"}, "workedAt"),
    ],
)
def test_wrong_time_is_refused(agent: Caller, path: str, body: Any, field: str) -> None:
    assert agent.post(f"{path}/time-entries", body, 422)["details"]["field"] == field


def test_lists_filters_and_unbilled(tenant: Tenant, agent: Caller, manager: Caller, path: str) -> None:
    worker = tenant.caller("agent", "a-worker")
    billed = agent.post(f"{path}/time-entries", {"minutes": 10, "workedAt": "2030-01-01T00:00:00Z"})
    agent.post(f"{path}/time-entries", {"minutes": 20, "workedAt": "2030-01-02T00:00:00Z"})
    worker.post(f"{path}/time-entries", {"minutes": 5, "billable": False, "workedAt": WHEN})
    other = make(agent)["id"]
    worker.post(f"/tickets/{other}/time-entries", {"minutes": 40, "workedAt": "2030-01-03T00:00:00Z"})
    manager.put(f"/time-entries/{billed['id']}", {"billedAt": WHEN})

    def minutes(where: str, **query: Any) -> list[int]:
        answer = agent.get(where, **query)
        assert answer["total"] == len(answer["data"])
        return [entry["minutes"] for entry in answer["data"]]

    assert minutes(f"{path}/time-entries") == [20, 5, 10]
    assert minutes("/time-entries") == [40, 20, 5, 10]
    assert minutes("/time-entries", sortBy="minutes", sortOrder="asc") == [5, 10, 20, 40]
    assert minutes("/time-entries", user="a-worker") == [40, 5]
    assert minutes("/time-entries", ticketId=other) == [40]
    assert minutes("/time-entries", billable="false") == [5]
    assert minutes("/time-entries", billed="true") == [10]
    assert minutes("/time-entries", billed="false", billable="true") == [40, 20]
    assert minutes("/time-entries/unbilled") == [40, 20]
    assert minutes("/time-entries/unbilled", user=agent.user) == [20]
    assert minutes("/time-entries/unbilled", ticketId=other) == [40]
    page = agent.get("/time-entries/unbilled", limit=1, page=2)
    assert ([entry["minutes"] for entry in page["data"]], page["total"]) == ([20], 2)


def test_the_summary(tenant: Tenant, agent: Caller, manager: Caller, user: Caller, path: str) -> None:
    worker = tenant.caller("agent", "a-worker")
    billed = agent.post(f"{path}/time-entries", {"minutes": 10})
    manager.put(f"/time-entries/{billed['id']}", {"billedAt": WHEN})
    agent.post(f"{path}/time-entries", {"minutes": 20})
    agent.post(f"{path}/time-entries", {"minutes": 7, "billable": False})
    worker.post(f"{path}/time-entries", {"minutes": 5})
    expected = {
        "ticketId": path.split("/")[-1],
        "entries": 4,
        "totalMinutes": 42,
        "billableMinutes": 35,
        "unbilledMinutes": 25,
        "byUser": [
            {"userId": agent.user, "entries": 3, "totalMinutes": 37, "billableMinutes": 30, "unbilledMinutes": 20},
            {"userId": "a-worker", "entries": 1, "totalMinutes": 5, "billableMinutes": 5, "unbilledMinutes": 5},
        ],
    }  # fmt: skip
    assert agent.get(f"{path}/time-entries/summary") == expected
    assert user.get(f"{path}/time-entries/summary") == expected
    agent.get(f"{NO_TICKET}/time-entries/summary", 404)


def test_the_summary_of_no_time(agent: Caller, path: str) -> None:
    summary = agent.get(f"{path}/time-entries/summary")
    assert (summary["entries"], summary["totalMinutes"], summary["byUser"]) == (0, 0, [])


def test_a_user_sees_the_time_on_their_tickets_and_logs_none(agent: Caller, user: Caller, path: str) -> None:
    entry = agent.post(f"{path}/time-entries", {"minutes": 10})
    assert user.get(f"/time-entries/{entry['id']}") == entry
    assert user.get("/time-entries")["total"] == user.get(f"{path}/time-entries")["total"] == 1
    user.post(f"{path}/time-entries", {"minutes": 10}, 403)
    user.put(f"/time-entries/{entry['id']}", {"minutes": 1}, 403)
    user.delete(f"/time-entries/{entry['id']}", 403)
    user.get("/time-entries/unbilled", 403)
    assert [one["action"] for one in user.get(f"{path}/activity")["data"]] == ["created"]
    assert agent.get(f"{path}/activity")["data"][0]["action"] == "time_logged"


def test_time_belongs_to_who_worked_and_to_managers(
    tenant: Tenant, agent: Caller, manager: Caller, path: str
) -> None:
    own = f"/time-entries/{agent.post(f'{path}/time-entries', {'minutes': 10})['id']}"
    worker = tenant.caller("agent", "a-worker")
    worker.put(own, {"minutes": 1}, 403)
    worker.delete(own, 403)
    agent.put(own, {"billedAt": WHEN}, 403)
    manager.put(own, {"minutes": 11})
    manager.delete(own)


def test_billed_time_is_fixed_until_the_billing_is_taken_back(
    agent: Caller, manager: Caller, path: str
) -> None:
    own = f"/time-entries/{agent.post(f'{path}/time-entries', {'minutes': 10})['id']}"
    assert manager.put(own, {"billedAt": WHEN})["billedAt"] == WHEN
    agent.put(own, {"minutes": 11}, 409)
    manager.put(own, {"minutes": 11}, 409)
    manager.put(own, {"minutes": 11, "billedAt": "2030-02-02T00:00:00Z"}, 409)
    agent.delete(own, 409)
    manager.delete(own, 409)
    assert agent.put(own, {"minutes": 10})["minutes"] == 10
    assert manager.put(own, {"billedAt": None, "minutes": 11})["minutes"] == 11
    agent.delete(own)


def test_only_billable_time_is_billed(agent: Caller, manager: Caller, path: str) -> None:
    own = f"/time-entries/{agent.post(f'{path}/time-entries', {'minutes': 10, 'billable': False})['id']}"
    manager.put(own, {"billedAt": WHEN}, 409)
    manager.put(own, {"billedAt": WHEN, "billable": True})


def test_unbilled_is_no_id(agent: Caller) -> None:
    assert agent.get("/time-entries/unbilled")["data"] == []
    agent.get("/time-entries/billed", 404)
    agent.post(f"{NO_TICKET}/time-entries", {"minutes": 1}, 404)
    agent.get(f"{NO_TICKET}/time-entries", 404)
