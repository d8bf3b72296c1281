"""Certificates of clients as an identity: who is let in, who is not, and what nobody can say instead."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest

from portico.testing import Client, Ending, Malformed, Message, RunningGateway, Upstream, gateway
from tests.certificates import Authority, Pair
from tests.integration.secure import OURS, Files, request

SHOP = OURS.issue(["shop.test"])
ROBOT = OURS.issue(["robot.test"], cn="robot", o="shop", ou="agent")
GUEST = OURS.issue(["guest.test"], key_name="guest", cn="guest")
STALE = OURS.issue(["robot.test"], days=(-9, -1))
NEW = Authority("new.test")
STRANGER = Authority("stranger.test").issue(["robot.test"])
SECRET = "a-secret-for-those-who-have-no-certificate"
TOKEN = jwt.encode({"sub": "ada", "exp": 4102444800}, SECRET, "HS256")

CONFIGURATION = f"""\
version: 1
logs: {{access: off}}
gateway:
  listen:
    - {{port: 3443, tls: {{cert: shop.pem, key: shop.key, client: {{ca: ours.pem, verify: optional}}}}}}
    - {{port: 3444, tls: {{cert: shop.pem, key: shop.key}}}}
    - ":3000"
identity:
  machines: {{mtls: {{fields: {{subject: cn, tenant: o, role: ou}}, fingerprints: ["{ROBOT.fingerprint}"]}}}}
  users: {{jwt: {{secret: {SECRET}}}}}
roles: {{agent: {{permissions: ["tickets:view"]}}}}
services: {{backend: {{url: "<url>"}}}}
routes:
  - {{match: /machines, service: backend, authenticate: machines, authorize: "tickets:view"}}
  - {{match: /both, service: backend, authenticate: [machines, users]}}
  - {{match: /open, service: backend, authenticate: none}}
"""

ASKING, SILENT, PLAIN = range(3)
FORGED = (
    "x-client-cert: robot\r\nclient-cert: :cm9ib3Q=:\r\n"
    "x-forwarded-client-cert: robot\r\nssl-client-s-dn: CN=robot\r\n"
)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as service:
        yield service


@pytest.fixture
async def running(upstream: Upstream, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    files = Files(tmp_path)
    files.add("shop", SHOP)
    async with gateway(CONFIGURATION.replace("<url>", upstream.url), files=files.texts) as found:
        yield found


def context(tmp_path: Path, shows: Pair | None) -> ssl.SSLContext:
    return OURS.context(shows=shows, folder=tmp_path)


async def asked(
    running: RunningGateway, door: int, tmp_path: Path, target: str, shows: Pair | None = None, more: str = ""
) -> Message:
    tls = None if door == PLAIN else context(tmp_path, shows)
    async with await Client.connect(running.ports[door], tls=tls, name="shop.test") as client:
        client.send(request(target, more=more))
        return await client.final_reply()


async def test_a_certificate_is_an_identity(
    running: RunningGateway, upstream: Upstream, tmp_path: Path
) -> None:
    assert (await asked(running, ASKING, tmp_path, "/machines", ROBOT)).status == 200
    told = upstream.requests()[-1]
    assert told.get(b"x-user-id") == b"robot"
    assert told.get(b"x-user-role") == b"agent"
    assert (told.get(b"x-tenant-id"), told.get(b"x-tenant-source")) == (b"shop", b"service")


async def test_every_request_of_the_connection_has_it(running: RunningGateway, tmp_path: Path) -> None:
    async with await Client.connect(
        running.ports[ASKING], tls=context(tmp_path, ROBOT), name="shop.test"
    ) as client:
        client.send(request("/machines") * 3)
        for _ in range(3):
            assert (await client.final_reply()).status == 200


@pytest.mark.parametrize("door", [ASKING, SILENT, PLAIN])
async def test_without_a_certificate_nothing_else_counts(
    running: RunningGateway, upstream: Upstream, tmp_path: Path, door: int
) -> None:
    reply = await asked(running, door, tmp_path, "/machines", more=FORGED)
    assert reply.status == 401
    assert reply.get(b"www-authenticate") == b'TLS-Client-Certificate realm="machines"'
    assert not upstream.requests()


async def test_a_listener_that_does_not_ask_proves_nobody(running: RunningGateway, tmp_path: Path) -> None:
    assert (await asked(running, SILENT, tmp_path, "/machines", ROBOT)).status == 401


@pytest.mark.parametrize("door", [ASKING, PLAIN])
async def test_words_about_certificates_do_not_reach_a_service(
    running: RunningGateway, upstream: Upstream, tmp_path: Path, door: int
) -> None:
    assert (await asked(running, door, tmp_path, "/open", more=FORGED)).status == 200
    told = {name for name, _ in upstream.requests()[-1].fields}
    assert not {name for name in told if b"cert" in name or b"ssl" in name}


async def test_a_certificate_that_is_not_on_the_list_is_refused(
    running: RunningGateway, tmp_path: Path
) -> None:
    reply = await asked(running, ASKING, tmp_path, "/machines", GUEST)
    assert (reply.status, b"AUTHENTICATION_ERROR" in reply.body) == (401, True)


@pytest.mark.parametrize("shows", [STRANGER, STALE], ids=["another authority", "expired"])
async def test_a_certificate_that_does_not_verify_ends_the_handshake(
    running: RunningGateway, tmp_path: Path, shows: Pair
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError, Malformed)):
        await asked(running, ASKING, tmp_path, "/open", shows)


async def test_methods_are_asked_in_their_order(
    running: RunningGateway, upstream: Upstream, tmp_path: Path
) -> None:
    bearer = f"authorization: Bearer {TOKEN}\r\n"
    both = [
        (ASKING, ROBOT, bearer, 200, b"robot"),
        (ASKING, None, bearer, 200, b"ada"),
        (PLAIN, None, bearer, 200, b"ada"),
        (ASKING, GUEST, bearer, 401, None),  # a caller must not choose what is checked
        (ASKING, None, "", 401, None),
    ]
    for door, shows, more, status, subject in both:
        before = len(upstream.requests())
        assert (await asked(running, door, tmp_path, "/both", shows, more)).status == status
        told = upstream.requests()[before:]
        assert [one.get(b"x-user-id") for one in told] == ([] if subject is None else [subject])


async def test_a_reload_asks_anew_on_connections_that_are_open(
    running: RunningGateway, upstream: Upstream, tmp_path: Path
) -> None:
    async with await Client.connect(
        running.ports[ASKING], tls=context(tmp_path, ROBOT), name="shop.test"
    ) as client:
        client.send(request("/machines"))
        assert (await client.final_reply()).status == 200
        files = Files(tmp_path)
        files.add("shop", SHOP)
        text = CONFIGURATION.replace("<url>", upstream.url).replace(ROBOT.fingerprint, GUEST.fingerprint)
        await running.reload(text, files=files.texts)
        client.send(request("/machines"))
        assert (await client.final_reply()).status == 401


async def test_who_was_let_in_by_an_authority_leaves_with_it(
    running: RunningGateway, upstream: Upstream, tmp_path: Path
) -> None:
    tls = context(tmp_path, ROBOT)
    files = Files(tmp_path)
    files.add("shop", SHOP)
    text = CONFIGURATION.replace("<url>", upstream.url)
    async with (
        await Client.connect(running.ports[ASKING], tls=tls, name="shop.test") as client,
        await Client.connect(running.ports[SILENT], tls=tls, name="shop.test") as bystander,
    ):
        for each in (client, bystander):
            each.send(request("/open"))
            assert (await each.final_reply()).status == 200
        await running.reload(text, files=files.texts)
        client.send(request("/open"))
        assert (await client.final_reply()).status == 200  # the same authorities: nobody notices
        await running.reload(text.replace("ours.pem", "new.pem"), files=files.texts | {"new.pem": NEW.pem})
        assert await client.ended() == (b"", Ending.FIN)
        bystander.send(request("/open"))
        assert (await bystander.final_reply()).status == 200
