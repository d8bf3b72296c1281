"""A proxy as people write it today: aiohttp's server and client, streaming both ways, on uvloop.

Reads its port from PORT and the service's address from SERVICE.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web

HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host"}
CLIENT = web.AppKey("client", aiohttp.ClientSession)


async def client(app: web.Application) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        os.environ["SERVICE"], connector=connector, auto_decompress=False
    ) as session:
        app[CLIENT] = session
        yield


async def forward(request: web.Request) -> web.StreamResponse:
    fields = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
    async with request.app[CLIENT].request(
        request.method,
        request.rel_url,
        headers=fields,
        data=request.content if request.can_read_body else None,
        allow_redirects=False,
    ) as reply:
        response = web.StreamResponse(status=reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in HOP_BY_HOP:
                response.headers.add(name, value)
        await response.prepare(request)
        async for chunk in reply.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response


def main() -> None:
    app = web.Application(client_max_size=0)
    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{path:.*}", forward)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
