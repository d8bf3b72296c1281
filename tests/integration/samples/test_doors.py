"""What holds for every endpoint of every service: tokens, health, unknown paths and wrong methods."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

import samples.auth
import samples.crm
import samples.tickets
from tests.integration.samples.running import ISSUER, SECRET, Caller, Service, token

PUBLIC = {"login", "register", "forgot-password", "reset-password", "verify-email"}


def endpoints(app: Starlette) -> list[tuple[str, str]]:
    """Every endpoint under /api/v1 as method and path, without the health checks."""
    mounted = next(route for route in app.routes if isinstance(route, Mount))
    return [
        (method, route.path)
        for route in mounted.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


def test_the_tickets_service_has_the_23_endpoints_that_it_documents() -> None:
    documented = re.findall(r"\d+ +([A-Z]+) +(/\S+)", samples.tickets.__doc__ or "")
    assert len(documented) == 23
    assert sorted((method, path.replace("{ticketId}", "{id}")) for method, path in documented) == sorted(
        endpoints(samples.tickets.app)
    )


@pytest.fixture(scope="module", params=["tickets", "crm", "auth"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Each service with nothing but its secret: it keeps its data under ./var."""
    with Service(request.param, tmp_path_factory.mktemp("doors")) as running:
        yield running
        assert (running.folder / "var" / f"{request.param}.db").exists()


def guarded(service: Service) -> list[tuple[str, str]]:
    app: Starlette = {"tickets": samples.tickets, "crm": samples.crm, "auth": samples.auth}[service.name].app
    found = [(method, path) for method, path in endpoints(app) if path.split("/")[-1] not in PUBLIC]
    return [(method, path.replace("{id}", str(uuid4()))) for method, path in found]


def test_no_endpoint_answers_without_a_token(service: Service) -> None:
    nobody = Caller(service.base_url)
    for method, path in guarded(service):
        answer = nobody.send(method, path)
        assert answer.status_code == 401, f"{method} {path}"
        assert answer.json() == {"error": {"message": "No authentication token provided", "statusCode": 401}}
        assert answer.headers["www-authenticate"] == "Bearer"
    nobody.close()


def bad_tokens() -> dict[str, Any]:
    good: dict[str, Any] = {"user": "u", "tenant": "t", "role": "admin"}
    claims = {"user_id": "u", "tenant_id": "t", "type": "access", "iss": ISSUER, "exp": time.time() + 60}
    return {
        "no token": "nonsense",
        "expired": token(**good, exp=int(time.time()) - 3600),
        "without end": jwt.encode({**claims, "exp": None}, SECRET),
        "a refresh token": token(**good, type="refresh"),
        "of another issuer": token(**good, iss="somebody"),
        "without tenant": token(**good, tenant_id=None),
        "of a wrong key": jwt.encode(claims, "another secret, also longer than 32 bytes"),
        "unsigned": jwt.encode(claims, "", algorithm="none"),
        "by another algorithm": jwt.encode(claims, SECRET * 2, algorithm="HS512"),
        "not text": token(**good, user_id=7),
        "too long": token(**good, tenant_id="t" * 300),
    }


@pytest.mark.parametrize("kind", bad_tokens())
def test_no_service_accepts_a_bad_token(service: Service, kind: str) -> None:
    caller = Caller(service.base_url, bad_tokens()[kind])
    method, path = guarded(service)[0]
    answer = caller.send(method, path)
    assert answer.status_code == 401
    assert answer.json()["error"] == {"message": "Invalid or expired token", "statusCode": 401}
    caller.close()


def test_health_needs_no_token(service: Service) -> None:
    for path in ("/health", f"/api/v1/{service.name}/health"):
        answer = httpx.get(service.base_url + path)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["status"], body["service"]) == ("healthy", service.name)
        assert body["uptime"] > 0
        assert body["timestamp"].endswith("Z")


def test_unknown_paths_and_wrong_methods_have_the_form(service: Service) -> None:
    answer = httpx.get(f"{service.base_url}/api/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["statusCode"]) == (404, 404)
    path = {"tickets": "/tickets", "crm": "/crm/companies", "auth": "/auth/me"}[service.name]
    answer = httpx.delete(f"{service.base_url}/api/v1{path}")
    assert (answer.status_code, answer.json()["error"]["statusCode"]) == (405, 405)
    assert "GET" in answer.headers["allow"]
    assert httpx.get(f"{service.base_url}/api/v1{path}/").status_code == 404


def test_head_is_get_without_a_body(service: Service) -> None:
    caller = Caller(service.base_url)
    answer = caller.send("HEAD", f"/{service.name}/health")
    assert (answer.status_code, answer.content) == (200, b"")
    caller.close()
