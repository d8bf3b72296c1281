"""What every list understands: pages, order, filters, and the naming of every wrong parameter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.samples.running import Caller
from tests.integration.samples.test_tickets import make, titles


def test_pages_hold_every_row_once(agent: Caller) -> None:
    for index in range(7):
        make(agent, f"ticket {index}", priority="low")
    seen: list[str] = []
    for page in (1, 2, 3):
        answer = agent.get("/tickets", page=page, limit=3, sortBy="priority")
        assert (answer["page"], answer["limit"], answer["total"]) == (page, 3, 7)
        seen += titles(answer)
    assert len(seen) == 7
    assert sorted(seen) == [f"ticket {index}" for index in range(7)]
    beyond = agent.get("/tickets", page=4, limit=3)
    assert (beyond["data"], beyond["total"]) == ([], 7)
    assert len(agent.get("/tickets", limit=100)["data"]) == 7
    assert agent.get("/tickets", page=1_000_000)["data"] == []


def test_an_empty_list(agent: Caller) -> None:
    assert agent.get("/tickets") == {"data": [], "page": 1, "limit": 20, "total": 0}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=one", "page"),
        ("page=1&page=2", "page"),
        ("page=99999999999999999999", "page"),
        ("page=", "page"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1000", "limit"),
        ("sortBy=bad", "sortBy"),
        ("sortBy=tenant_id", "sortBy"),
        ("sortOrder=up", "sortOrder"),
        ("status=lost", "status.0"),
        ("status=open,lost", "status.1"),
        ("priority=huge", "priority.0"),
        ("assignee=", "assignee"),
        ("text=%00", "text"),
    ],
)
def test_a_wrong_parameter_is_named(agent: Caller, query: str, field: str) -> None:
    error = agent.get(f"/tickets?{query}", 422)
    assert [failure["field"] for failure in error["details"]["errors"]] == [field]


def test_all_wrong_parameters_are_named_at_once(agent: Caller) -> None:
    error = agent.get("/tickets", 422, page=0, limit=1000, sortBy="bad")
    assert [failure["field"] for failure in error["details"]["errors"]] == ["page", "limit", "sortBy"]


@pytest.mark.parametrize("path", ["/time-entries", "/time-entries/unbilled", "/comments"])
def test_the_other_lists_are_as_strict(agent: Caller, path: str) -> None:
    for query in ({"page": 0}, {"limit": 1000}, {"sortBy": "bad"}, {"ticketId": "bad"}):
        agent.get(path, 422, **query)


@pytest.mark.parametrize(
    ("sort_by", "ascending"),
    [
        ("priority", ["b", "c", "a"]),
        ("status", ["a", "c", "b"]),
        ("title", ["a", "b", "c"]),
        ("number", ["b", "a", "c"]),
        ("createdAt", ["b", "a", "c"]),
        ("updatedAt", ["a", "c", "b"]),
    ],
)
def test_each_order_and_its_reverse(agent: Caller, sort_by: str, ascending: list[str]) -> None:
    for title, priority in (("b", "low"), ("a", "urgent"), ("c", "high")):
        make(agent, title, priority=priority)
    by_title = {ticket["title"]: ticket["id"] for ticket in agent.get("/tickets")["data"]}
    agent.patch(f"/tickets/{by_title['c']}/status", {"status": "waiting"})
    agent.patch(f"/tickets/{by_title['b']}/status", {"status": "closed"})
    assert titles(agent.get("/tickets", sortBy=sort_by, sortOrder="asc")) == ascending
    assert titles(agent.get("/tickets", sortBy=sort_by, sortOrder="desc")) == ascending[::-1]


def test_newest_first_unless_asked_otherwise(agent: Caller) -> None:
    for title in ("first", "second", "third"):
        make(agent, title)
    assert titles(agent.get("/tickets")) == ["third", "second", "first"]


def test_what_has_no_due_date_is_last_either_way(agent: Caller) -> None:
    make(agent, "never")
    make(agent, "late", dueAt="2032-01-01T00:00:00Z")
    make(agent, "soon", dueAt="2031-01-01T00:00:00+05:00")
    assert titles(agent.get("/tickets", sortBy="dueAt", sortOrder="asc")) == ["soon", "late", "never"]
    assert titles(agent.get("/tickets", sortBy="dueAt", sortOrder="desc")) == ["late", "soon", "never"]


@pytest.fixture
def office(agent: Caller) -> Caller:
    """An agent with four different tickets."""
    make(agent, "Printer burns", priority="urgent", assigneeId="a-worker")
    make(agent, "Ärger mit 100% CPU", priority="low", description="The PRINTER again")
    make(agent, "Coffee_machine", priority="high")
    closed = make(agent, "Chair", priority="low", assigneeId="a-worker")
    agent.patch(f"/tickets/{closed['id']}/status", {"status": "closed"})
    return agent


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Chair", "Coffee_machine", "Printer burns", "Ärger mit 100% CPU"]),
        ({"status": "closed"}, ["Chair"]),
        ({"status": ["open", "closed"], "priority": "low"}, ["Chair", "Ärger mit 100% CPU"]),
        ({"priority": "high,urgent"}, ["Coffee_machine", "Printer burns"]),
        ({"status": "waiting"}, []),
        ({"assignee": "a-worker"}, ["Chair", "Printer burns"]),
        ({"assignee": "none"}, ["Coffee_machine", "Ärger mit 100% CPU"]),
        ({"assignee": "nobody-known"}, []),
        ({"text": "printer"}, ["Printer burns", "Ärger mit 100% CPU"]),
        ({"text": "ärger"}, ["Ärger mit 100% CPU"]),
        ({"text": "%"}, ["Ärger mit 100% CPU"]),
        ({"text": "_"}, ["Coffee_machine"]),
        ({"text": "'; DROP TABLE tickets; --"}, []),
        ({"text": "printer", "priority": "urgent", "status": "open"}, ["Printer burns"]),
        ({"text": ""}, ["Chair", "Coffee_machine", "Printer burns", "Ärger mit 100% CPU"]),
    ],
)
def test_filters(office: Caller, query: dict[str, Any], found: list[str]) -> None:
    answer = office.get("/tickets", **query)
    assert sorted(titles(answer)) == sorted(found)
    assert answer["total"] == len(found)
