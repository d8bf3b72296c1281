"""Rows of `gateway.listen` as objects, of what bounds handshakes, and of certificates as an identity.

TLS is spoken for real, on the second address; the first is plain.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from portico.testing import Client, Malformed, Message, Upstream
from tests.certificates import Authority, Pair
from tests.wired.rows import REFUSED, UNSET, Probe, Row
from tests.wired.site import CLOCK, Site, clock, request

OURS, STRANGER = Authority("ours.test"), Authority("stranger.test")
ONE, TWO = OURS.issue(["one.test"]), OURS.issue(["two.test"])
ROBOT = OURS.issue(
    ["robot.test"], uris=["spiffe://shop/robot"], cn="robot", o="shop", ou=["boss", "agent"], serial="17"
)

FILES = {
    "ours.pem": OURS.pem,
    "stranger.pem": STRANGER.pem,
    "one.pem": ONE.cert,
    "two.pem": TWO.cert,
    "key.pem": ONE.key,
    "other.key": OURS.issue(["one.test"], key_name="other").key,
}
FIRST = {"cert": "<folder>/one.pem", "key": "<folder>/key.pem"}
SECOND = {"cert": "<folder>/two.pem", "key": "<folder>/key.pem"}
SERVED: dict[str, object] = {"gateway.listen": [":3000", {"port": 3443, "tls": FIRST}]}
SEVERAL: dict[str, object] = {
    "gateway.listen": [":3000", {"port": 3443, "tls": {"certificates": [FIRST, SECOND]}}]
}
ASKING = SERVED | {"gateway.listen[1].tls.client": {"ca": "<folder>/ours.pem"}}
REDIRECTED: dict[str, object] = {
    "gateway.listen": [{"port": 3080, "redirect": "https"}, {"port": 3443, "tls": FIRST}]
}


async def over_tls(
    site: Site, *, shows: Pair | None = None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Message | None:
    """The reply over TLS, None when it comes to none."""
    with TemporaryDirectory() as folder:
        context = OURS.context(shows=shows, folder=Path(folder))
    context.check_hostname = False
    context.maximum_version = newest
    try:
        async with await Client.connect(site.ports[1], tls=context, name="one.test") as client:
            client.send(request("/"))
            return await client.final_reply()
    except (ssl.SSLError, ConnectionError, Malformed):
        return None


def served(shows: Pair | None = None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Probe:
    async def probe(site: Site) -> object:
        reply = await over_tls(site, shows=shows, newest=newest)
        return None if reply is None else reply.status

    return probe


def shown(asked: str) -> Probe:
    """The name in the certificate that a client who asks for `asked` is shown."""

    async def probe(site: Site) -> object:
        context = OURS.context()
        context.check_hostname = False
        async with await Client.connect(site.ports[1], tls=context, name=asked) as client:
            assert client.tls is not None
            return _names((client.tls.getpeercert() or {})["subjectAltName"])

    return probe


def _names(alternatives: Any) -> list[str]:
    return [name for _, name in alternatives]


async def redirected(site: Site) -> object:
    reply = await site.ask("/a?b=c", {"host": "shop.test:3080"})
    return reply.status, reply.get(b"location")


async def late_beside_others(site: Site) -> object:
    return await _late(site, served())


async def late(site: Site) -> object:
    async def wait(site: Site) -> object:
        await site.moment()
        return None

    return await _late(site, wait)


async def _late(site: Site, meanwhile: Probe) -> bool:
    """Whether a connection can still shake hands that said nothing until `meanwhile` was over."""
    loop = asyncio.get_running_loop()
    context = OURS.context()
    with socket.socket() as silent:
        silent.setblocking(False)
        await loop.sock_connect(silent, ("127.0.0.1", site.ports[1]))
        await meanwhile(site)
        try:
            transport, _ = await loop.create_connection(
                asyncio.Protocol, sock=silent, ssl=context, server_hostname="one.test"
            )
        except (ssl.SSLError, ConnectionError):
            return False
        transport.abort()
        return True


def told(name: str) -> Probe:
    async def probe(site: Site) -> object:
        reply = await over_tls(site, shows=ROBOT)
        assert reply is not None
        assert reply.status == 200, reply
        return site.backend.requests()[-1].get(name.encode())

    return probe


def at(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object],
    place: int = 1,
) -> Row:
    """A row of a key of the TLS address."""
    where = f"gateway.listen[{place}].{key.replace('[]', '[1]')}"
    return Row(f"gateway.listen[].{key}", values, seen, probe, given, at=where, files=FILES)


def mtls(key: str, values: tuple[object, object], seen: tuple[object, object], probe: Probe) -> Row:
    """A row of certificates as an identity."""
    given = ASKING | {"identity.users.mtls": {}, "routes[0].authenticate": "users", "roles.boss": {}}
    return Row(f"identity.*.mtls.{key}", values, seen, probe, given, files=FILES)


TO_3443, TO_3444 = (308, b"https://shop.test:3443/a?b=c"), (308, b"https://shop.test:3444/a?b=c")

ROWS = (
    at("port", (3443, 3444), (TO_3443, TO_3444), redirected, REDIRECTED),
    at(
        "address",
        ("127.0.0.1:3443", "127.0.0.1:3444"),
        (TO_3443, TO_3444),
        redirected,
        REDIRECTED | {"gateway.listen[1].port": UNSET},
    ),
    at("redirect", ("https", 3444), (TO_3443, TO_3444), redirected, REDIRECTED, 0),
    at(
        "tls.cert",
        ("<folder>/one.pem", "<folder>/two.pem"),
        (["one.test"], ["two.test"]),
        shown("any.test"),
        SERVED,
    ),
    at("tls.key", ("<folder>/key.pem", "<folder>/other.key"), (200, REFUSED), served(), SERVED),
    at(
        "tls.certificates[].cert",
        ("<folder>/two.pem", "<folder>/ours.pem"),
        (["two.test"], REFUSED),
        shown("two.test"),
        SEVERAL,
    ),
    at(
        "tls.certificates[].key",
        ("<folder>/key.pem", "<folder>/other.key"),
        (["two.test"], REFUSED),
        shown("two.test"),
        SEVERAL,
    ),
    at("tls.min_version", (UNSET, 1.3), (200, None), served(newest=ssl.TLSVersion.TLSv1_2), SERVED),
    at("tls.client.ca", ("<folder>/ours.pem", "<folder>/stranger.pem"), (200, None), served(ROBOT), ASKING),
    at("tls.client.verify", (UNSET, "optional"), (None, 200), served(), ASKING),
    Row(
        "gateway.limits.handshakes",
        (UNSET, 1),
        (True, False),
        late_beside_others,
        given=SERVED,
        files=FILES,
    ),
    Row(
        "gateway.timeouts.handshake",
        (UNSET, "100ms"),
        (True, False),
        late,
        given=SERVED | dict(CLOCK),
        upstreams={"backend": Upstream, "clock": clock},
        files=FILES,
    ),
    mtls("fields.subject", (UNSET, ["cn"]), (b"spiffe://shop/robot", b"robot"), told("x-user-id")),
    mtls("fields.tenant", (UNSET, "o"), (None, b"shop"), told("x-tenant-id")),
    mtls("fields.role", (UNSET, "ou"), (None, b"boss,agent"), told("x-user-role")),
    mtls("roles", (UNSET, ["boss"]), (None, b"boss"), told("x-user-role")),
    mtls("issuers", ("CN=ours.test", "CN=stranger.test"), (200, 401), served(ROBOT)),
    mtls("fingerprints", (ROBOT.fingerprint, ONE.fingerprint), (200, 401), served(ROBOT)),
)
