"""Who gets through to the services: tokens, roles, tenants; and what every answer and log line carries."""

from __future__ import annotations

import os
import signal
import time

import httpx
import jwt
import pytest

from tests.integration.observed import counted
from tests.integration.profile.running import Platform, Visitor, look_at
from tests.integration.raw import RawClient
from tests.integration.samples.running import SECRET
from tests.integration.supervised import until

NO_TOKEN = "No authentication token provided"
BAD_TOKEN = "Invalid or expired token"


def test_a_token_that_is_none_or_bad(platform: Platform, agent: Visitor) -> None:
    assert agent.bearer
    head, claims, signature = agent.bearer.split(".")
    said = jwt.decode(agent.bearer, SECRET, algorithms=["HS256"], issuer="psa-platform")
    expired = {**said, "exp": int(time.time()) - 3600}
    worthless = {
        "": NO_TOKEN,
        "Basic ZGVtbzpkZW1v": NO_TOKEN,
        "Bearer": NO_TOKEN,
        f"Bearer {head}.{claims}.{signature[::-1]}": BAD_TOKEN,
        f"Bearer {jwt.encode(expired, SECRET, algorithm='HS256')}": BAD_TOKEN,
        f"Bearer {jwt.encode(said, SECRET[::-1], algorithm='HS256')}": BAD_TOKEN,
        f"Bearer {jwt.encode({**said, 'iss': 'another'}, SECRET, algorithm='HS256')}": BAD_TOKEN,
        f"Bearer {jwt.encode({**said, 'type': 'refresh'}, SECRET, algorithm='HS256')}": BAD_TOKEN,
        f"Bearer {jwt.encode(said, '', algorithm='none')}": BAD_TOKEN,
    }
    before = counted(platform.address, "authentication_attempts_total", status="failure")
    with httpx.Client(base_url=platform.address) as client:
        for bearer, text in worthless.items():
            answer = client.get("/api/v1/tickets", headers={"Authorization": bearer} if bearer else {})
            look_at(answer)
            assert (answer.status_code, answer.json()["error"]["message"]) == (401, text), bearer
            assert "Bearer" in answer.headers["www-authenticate"]
    failures = counted(platform.address, "authentication_attempts_total", status="failure") - before
    assert failures == len(worthless)


def test_roles_at_the_gateway(platform: Platform, agent: Visitor, user: Visitor, manager: Visitor) -> None:
    ticket = user.post("/tickets", {"title": "mine"})
    path = f"/tickets/{ticket['id']}"
    before = counted(platform.address, "http_requests_total", status_code="403")
    assert user.patch(f"{path}/assign", {"assigneeId": user.user}, 403)["statusCode"] == 403
    user.get("/time-entries/unbilled", 403)
    user.get("/crm/companies", 403)
    user.post("/crm/companies", {"name": "ACME"}, 403)
    user.delete(path, 403)
    agent.delete(path, 403)
    company = agent.post("/crm/companies", {"name": "ACME"})
    agent.delete(f"/crm/companies/{company['id']}", 403)
    assert counted(platform.address, "http_requests_total", status_code="403") == before + 7
    # The gateway itself refused: the audit says so, and the log line names who and why.
    line = until(
        lambda: platform.access(url="/api/v1/time-entries/unbilled", statusCode=403, userId=user.user),
        "the refusal in the log",
    )[-1]
    assert (line["side"], line["tenantId"]) == ("client", "demo")
    agent.patch(f"{path}/assign", {"assigneeId": agent.user})
    manager.delete(f"/crm/companies/{company['id']}")
    manager.delete(path)


def test_an_admin_may_what_a_manager_may(platform: Platform) -> None:
    with platform.member("admin") as admin:
        ticket = admin.post("/tickets", {"title": "for a moment"})
        admin.get("/time-entries/unbilled")
        admin.get("/crm/companies")
        admin.delete(f"/tickets/{ticket['id']}")


def test_another_tenant_finds_nothing(platform: Platform, agent: Visitor) -> None:
    ticket = agent.post("/tickets", {"title": "ours"})
    path = f"/tickets/{ticket['id']}"
    comment = agent.post(f"{path}/comments", {"body": "secret"})
    entry = agent.post(f"{path}/time-entries", {"minutes": 5})
    company = agent.post("/crm/companies", {"name": "Ours"})
    with platform.member("admin", "another") as stranger:
        for hidden in (
            path, f"{path}/activity", f"{path}/comments", f"{path}/comments/count", f"{path}/time-entries",
            f"{path}/time-entries/summary", f"/comments/{comment['id']}", f"/time-entries/{entry['id']}",
            f"/crm/companies/{company['id']}",
        ):  # fmt: skip
            assert stranger.get(hidden, 404)["message"].endswith(" not found")
        stranger.put(path, {"title": "x"}, 404)
        stranger.patch(f"{path}/status", {"status": "closed"}, 404)
        stranger.patch(f"{path}/assign", {"assigneeId": stranger.user}, 404)
        stranger.delete(path, 404)
        stranger.post(f"{path}/comments", {"body": "x"}, 404)
        for listing in ("/tickets", "/comments", "/time-entries", "/crm/companies"):
            assert stranger.get(listing)["total"] == 0
        claimed = {"X-Tenant-ID": "demo", "X-Tenant-Source": "jwt", "X-User-Role": "admin"}
        assert stranger.send("GET", path, headers=claimed).status_code == 404
        assert stranger.get("/tickets", tenantId="demo")["total"] == 0
    assert agent.get(path)["title"] == "ours"


def test_every_answer_carries_the_same_marks(platform: Platform, agent: Visitor) -> None:
    refused = [
        ("GET", "/nothing/here", 404),
        ("POST", "/live", 405),
        ("GET", "/api/v1/tickets", 401),
        ("GET", "/api/v1/tickets/health", 200),
        ("GET", "/health", 200),
        ("GET", "/health/detailed", 200),
        ("GET", "/ready", 200),
        ("GET", "/live", 200),
        ("GET", "/metrics", 200),
        ("GET", "/api/v1/tickets?" + "x" * 9000, 414),
    ]
    with httpx.Client(base_url=platform.address) as client:
        for method, path, status in refused:
            answer = client.request(method, path)
            look_at(answer)
            assert answer.status_code == status, path
    with RawClient(platform.address) as raw:
        raw.request("/api/v1/auth/login", "POST", f"content-length: {11 << 20}")
        status, fields, body = raw.reply()
        look_at(httpx.Response(status, headers=fields, content=body))
        assert status == 413
    assert agent.send("GET", "/tickets/nonsense").status_code == 404


def test_a_page_reads_what_it_is_refused(platform: Platform) -> None:
    page = {"Origin": "http://localhost:5173"}
    with httpx.Client(base_url=platform.address) as client:
        asked = {
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,x-tenant-id",
        }
        allowed = client.options("/api/v1/tickets/1/assign", headers=page | asked)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, page["Origin"])
        refused = client.get("/api/v1/tickets", headers=page)
        look_at(refused)
        assert (refused.status_code, refused.headers["access-control-allow-credentials"]) == (401, "true")
        blocked = client.options("/api/v1/tickets", headers={"Origin": "https://evil.example"} | asked)
        look_at(blocked)
        assert blocked.status_code == 403
        assert "access-control-allow-origin" not in blocked.headers


def test_request_ids_are_taken_given_and_logged(platform: Platform, agent: Visitor) -> None:
    with httpx.Client(
        base_url=platform.address, headers={"Authorization": f"Bearer {agent.bearer}"}
    ) as client:
        mine = client.get("/api/v1/tickets?page=1", headers={"X-Request-ID": "req_chosen-by-the-client"})
        assert mine.headers.get_list("x-request-id") == ["req_chosen-by-the-client"]
        forged = client.get("/api/v1/tickets", headers={"X-Request-ID": 'x"} {"level":"fatal'})
        look_at(forged)
        made = client.get("/api/v1/tickets/nonsense")
        look_at(made)
    line = until(lambda: platform.access(requestId="req_chosen-by-the-client"), "its line")[0]
    assert (line["method"], line["url"], line["statusCode"]) == ("GET", "/api/v1/tickets?page=1", 200)
    assert (line["userId"], line["tenantId"], line["service"]) == (agent.user, "demo", "tickets")
    assert line["msg"] == "GET /api/v1/tickets - 200"
    (line,) = until(lambda: platform.access(requestId=made.headers["x-request-id"]), "its line")
    assert (line["statusCode"], line["route"]) == (404, "/api/v1/tickets/**")
    assert agent.bearer
    assert agent.bearer not in platform.out.read_text().partition("Ctrl-C")[2]
    assert agent.bearer not in platform.err.read_text()


def test_what_is_asked_of_the_gateway_itself_is_not_logged(platform: Platform) -> None:
    with httpx.Client(base_url=platform.address) as client:
        for path in ("/health", "/health/detailed", "/ready", "/live"):
            client.get(path)
        last = client.get("/nothing").headers["x-request-id"]
    until(lambda: platform.access(requestId=last), "the line of the last request")
    for path in ("/health", "/health/detailed", "/ready", "/live"):
        assert platform.access(url=path, statusCode=200) == []


def test_a_child_that_is_killed_comes_back_with_its_data(platform: Platform, agent: Visitor) -> None:
    if platform.directly:
        pytest.skip("services that run by themselves are not the gateway's to start again")
    ticket = agent.post("/tickets", {"title": "survives"})
    before = platform.child("tickets")
    os.kill(before["pid"], signal.SIGKILL)

    def back() -> bool:
        return agent.send("GET", f"/tickets/{ticket['id']}").status_code == 200

    until(lambda: platform.child("tickets")["pid"] not in (None, before["pid"]), "another process")
    until(back, "the ticket to be read again")
    until(back, "the other worker to read it too")
    assert agent.get(f"/tickets/{ticket['id']}") == ticket
    assert platform.child("tickets")["restarts"] == before["restarts"] + 1
    assert agent.get("/crm/companies")["total"] >= 0, "the other services have not noticed"
