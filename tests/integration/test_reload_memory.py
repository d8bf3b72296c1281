"""Reloads as fast as they can be told, in one process: the blocks that the interpreter has allocated stay as many.

Seen from the allocator, because what compiled code leaks the collector does not know of.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import sys

from portico.config import Settings, load_settings_text
from portico.gateway.check import Nobody
from portico.gateway.gateway import Gateway
from portico.stages import load_stages, stage_types

WARM = 20
RELOADS = 40
ROUTES = 20
# Of each configuration its number is remembered until its tunnels must end: five blocks. One route has two hundred.
BLOCKS_EACH = 20

CONFIGURATION = """\
version: 1
logs: {access: "off", level: error}
identity: {users: {jwt: {secret: "0123456789abcdef0123456789abcdef", require: [tenant_id]}}}
roles: {agent: {permissions: ["tickets:*"]}}
services: {one: {url: "http://127.0.0.1:1", breaker: {}}}
defaults: {authenticate: users, security_headers: {}, rate_limit: [{allow: 100/s, per: ip}, {allow: 100/s, per: user}]}
routes:
"""


def settings(routes: int) -> Settings:
    lines = "".join(
        f'  - {{match: "/r{number}/{{id}}/**", service: one, authorize: {{GET: "tickets:view"}}}}\n'
        for number in range(routes)
    )
    return load_settings_text(CONFIGURATION + lines, stage_types(load_stages())).settings


def blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


async def after(reloads: int, gateway: Gateway, written: list[bytes]) -> int:
    """The blocks in use after so many reloads; nothing sweeps meanwhile."""
    for number in range(reloads):
        await gateway.prepare(pickle.loads(written[number % 2]), {})
        gateway.commit()
    return blocks()


async def growth() -> int:
    gateway = Gateway(cluster=Nobody(), worker=0)
    written = [pickle.dumps(settings(ROUTES + more)) for more in (0, 1)]
    before = await after(WARM, gateway, written)
    return await after(RELOADS, gateway, written) - before


def test_reloads_without_end_leave_nothing() -> None:
    assert asyncio.run(growth()) <= RELOADS * BLOCKS_EACH
