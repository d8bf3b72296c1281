"""Comments, and that an internal one does not exist for a user."""

from __future__ import annotations

import pytest

from tests.integration.samples.running import Caller, Tenant
from tests.integration.samples.test_tickets import NO_TICKET, make


@pytest.fixture
def path(user: Caller) -> str:
    """A ticket of the user's."""
    return f"/tickets/{make(user)['id']}"


def test_a_comment_is_written_read_changed_and_deleted(agent: Caller, path: str) -> None:
    answer = agent.send("POST", f"{path}/comments", json={"body": " Have you turned it off? "})
    assert answer.status_code == 201
    comment = answer.json()
    own = f"/comments/{comment['id']}"
    assert answer.headers["location"] == f"/api/v1{own}"
    assert comment.keys() == {"id", "ticketId", "authorId", "body", "internal", "createdAt", "updatedAt"}
    assert comment["body"] == "Have you turned it off?"
    assert (comment["authorId"], comment["internal"]) == (agent.user, False)
    assert agent.get(own) == comment
    changed = agent.put(own, {"body": "And on?"})
    assert changed == {**comment, "body": "And on?", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > comment["updatedAt"]
    assert agent.put(own, {}) == changed
    agent.delete(own)
    agent.get(own, 404)
    agent.delete(own, 404)
    agent.put(own, {"body": "x"}, 404)


def test_lists_and_count(agent: Caller, user: Caller, path: str) -> None:
    other = f"/tickets/{make(agent)['id']}"
    for body in ("one", "two", "three"):
        agent.post(f"{path}/comments", {"body": body})
    user.post(f"{path}/comments", {"body": "four"})
    agent.post(f"{other}/comments", {"body": "elsewhere"})
    listed = agent.get(f"{path}/comments", limit=2, sortOrder="asc")
    assert [comment["body"] for comment in listed["data"]] == ["one", "two"]
    assert (listed["total"], listed["limit"]) == (4, 2)
    assert agent.get(f"{path}/comments/count") == {"ticketId": path.split("/")[-1], "count": 4}
    assert agent.get("/comments")["total"] == 5
    assert agent.get("/comments", ticketId=path.split("/")[-1])["total"] == 4
    assert agent.get("/comments", author=user.user)["total"] == 1
    assert user.get("/comments")["total"] == 4
    agent.get(f"{NO_TICKET}/comments", 404)
    agent.get(f"{NO_TICKET}/comments/count", 404)
    agent.post(f"{NO_TICKET}/comments", {"body": "x"}, 404)


def test_an_internal_comment_does_not_exist_for_a_user(agent: Caller, user: Caller, path: str) -> None:
    hidden = agent.post(f"{path}/comments", {"body": "He is a fool", "internal": True})
    shown = agent.post(f"{path}/comments", {"body": "Please wait"})
    own = f"/comments/{hidden['id']}"
    assert agent.get(f"{path}/comments/count")["count"] == 2
    assert user.get(f"{path}/comments/count")["count"] == 1
    assert [comment["id"] for comment in user.get(f"{path}/comments")["data"]] == [shown["id"]]
    assert [comment["id"] for comment in user.get("/comments")["data"]] == [shown["id"]]
    user.get(own, 404)
    user.put(own, {"body": "x"}, 404)
    user.delete(own, 404)
    actions = [entry["action"] for entry in user.get(f"{path}/activity")["data"]]
    assert actions == ["comment_added", "created"]
    assert agent.get(f"{path}/activity")["total"] == 3


def test_a_user_writes_no_internal_comment(user: Caller, path: str) -> None:
    user.post(f"{path}/comments", {"body": "x", "internal": True}, 403)
    comment = user.post(f"{path}/comments", {"body": "x"})
    user.put(f"/comments/{comment['id']}", {"internal": True}, 403)


def test_what_was_internal_stays_out_of_the_users_log(agent: Caller, user: Caller, path: str) -> None:
    comment = agent.post(f"{path}/comments", {"body": "x", "internal": True})
    agent.put(f"/comments/{comment['id']}", {"internal": False})
    assert user.get(f"/comments/{comment['id']}")["internal"] is False
    assert [entry["action"] for entry in user.get(f"{path}/activity")["data"]] == ["created"]


def test_a_comment_belongs_to_its_author_and_to_managers(
    tenant: Tenant, agent: Caller, user: Caller, manager: Caller, path: str
) -> None:
    written = user.post(f"{path}/comments", {"body": "mine"})
    own = f"/comments/{written['id']}"
    agent.put(own, {"body": "yours"}, 403)
    agent.delete(own, 403)
    manager.put(own, {"body": "edited"})
    assert user.put(own, {"body": "mine again"})["authorId"] == user.user
    tenant.caller("admin").delete(own)


@pytest.mark.parametrize(
    "body", [{}, {"body": ""}, {"body": " "}, {"body": 1}, {"body": "x", "internal": "yes"}]
)
def test_a_wrong_comment_is_refused(agent: Caller, path: str, body: object) -> None:
    agent.post(f"{path}/comments", body, 422)
