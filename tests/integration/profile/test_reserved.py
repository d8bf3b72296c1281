"""What a client says about itself never reaches a service: only the gateway may say who calls (requirements 1.6, 1.7).

The profile as it is, with a service in the place of crm that keeps what it is sent.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from tests.integration.profile.running import Platform
from tests.integration.raw import Peer, RawService
from tests.integration.supervised import PATIENCE_S

pytestmark = pytest.mark.xdist_group("platform-children")

SPOOFED = {
    "X-Tenant-ID": "another",
    "X-Tenant-Source": "jwt",
    "X-User-ID": "root",
    "X-User-Role": "admin",
    "X-User-Permissions": "*",
    "x_user_id": "root",
    "X-Internal-Service": "billing",
    "X-Internal-Signature": "c2lnbmVk",
    "X-Internal-Key": "key",
    "X-Admin-Token": "token",
    "X-Privileged": "true",
    "X-Venue-Context-Id": "venue",
    "X-Gateway-Internal": "true",
    "X-Gateway-Forwarded": "false",
    "X-Forwarded-Host": "spoofed.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "6.6.6.6",
    "X-Real-IP": "6.6.6.6",
    "X-Original-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;host=spoofed.example",
    "X-Request-Deadline": "1",
    "Proxy-Authorization": "Basic cm9vdDpyb290",
    "Keep-Alive": "timeout=6000",
    "X-Hop": "spoofed",
    "Connection": "keep-alive, X-Hop",
}


@pytest.fixture
def heads() -> queue.Queue[bytes]:
    return queue.Queue()


@pytest.fixture
def watched(heads: queue.Queue[bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    def watch(peer: Peer) -> None:
        while head := peer.head():
            heads.put(head)
            peer.send(
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: secret/1.0\r\nx-powered-by: secret\r\n"
                b"x-internal-node: 7\r\nx-request-id: theirs\r\nx-response-time: 0ms\r\nx-hop: theirs\r\n"
                b"x-kept: yes\r\nx-frame-options: ALLOWALL\r\nconnection: x-hop\r\n\r\n{}"
            )

    with RawService(watch) as service:
        env = {"CRM_SERVICE_URL": service.url, "TICKETS_SERVICE_URL": service.url}
        with Platform(tmp_path_factory.mktemp("reserved"), env) as platform:
            yield platform


def test_reserved_fields_are_the_gateways(watched: Platform, heads: queue.Queue[bytes]) -> None:
    with watched.demo() as agent:
        answer = agent.send("GET", "/crm/companies?page=2", headers={**SPOOFED, "X-Fine": "passes"})
        public = watched.nobody()
        public.send("GET", "/crm/health", headers=SPOOFED)
        public.close()
    assert answer.status_code == 200
    assert "x-powered-by" not in answer.headers
    assert answer.headers["x-kept"] == "yes"
    assert "x-hop" not in answer.headers
    assert answer.headers.get_list("x-frame-options") == ["SAMEORIGIN"]

    head = heads.get(timeout=PATIENCE_S).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    assert first == "GET /api/v1/crm/companies?page=2 HTTP/1.1"
    told = dict(line.split(": ", 1) for line in lines)
    assert len(told) == len(lines), "no field is there twice"
    assert told["x-fine"] == "passes"
    assert told["authorization"] == f"Bearer {agent.bearer}"
    assert told["x-user-id"] == agent.user
    assert told["x-user-role"] == "agent"
    assert (told["x-tenant-id"], told["x-tenant-source"]) == ("demo", "jwt")
    assert told["x-request-id"] == answer.headers["x-request-id"]
    assert told["x-forwarded-for"] == told["x-real-ip"] == told["x-original-ip"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    assert told["x-forwarded-host"] == watched.address.removeprefix("http://")
    assert told["x-gateway-forwarded"] == "true"
    assert told["via"].startswith("1.1 ")
    assert int(told["x-request-deadline"]) > 10**12
    assert "x-gateway-internal" not in told
    assert "6.6.6.6" not in head
    for value in (
        "root",
        "another",
        "spoofed",
        "billing",
        "c2lnbmVk",
        "venue",
        "cm9vdDpyb290",
        "timeout=6000",
    ):
        assert value not in head.replace(told["authorization"], "")

    head = heads.get(timeout=PATIENCE_S).decode("latin-1")
    assert head.startswith("GET /api/v1/crm/health ")
    assert not any(name in head for name in ("x-user", "x-tenant", "x_user", "x-privileged", "6.6.6.6"))
