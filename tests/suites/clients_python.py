"""Requests of a file by one of Python's clients: `clients_python.py CLIENT BASE < cases.json`, outcomes as JSON."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

Outcome = tuple[int, list[tuple[str, str]], bytes]


def pieces(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), 1000):
        yield body[at : at + 1000]


async def slow_pieces(body: bytes) -> AsyncIterator[bytes]:
    for piece in pieces(body):
        yield piece


def with_requests(url: str, one: dict[str, Any], body: bytes | None) -> Outcome:
    import requests  # type: ignore[import-untyped, unused-ignore]  # installed beside, not here

    data = pieces(body) if body and one["chunked"] else body
    session = with_requests.__dict__.setdefault("session", requests.Session())
    reply = session.request(
        one["method"], url, headers=one["headers"], data=data, allow_redirects=False, timeout=20
    )
    return reply.status_code, list(reply.raw.headers.items()), reply.content


def with_httpx(url: str, one: dict[str, Any], body: bytes | None) -> Outcome:
    import httpx

    content = pieces(body) if body and one["chunked"] else body
    client = with_httpx.__dict__.setdefault("client", httpx.Client())
    reply = client.request(one["method"], url, headers=one["headers"], content=content, timeout=20)
    return reply.status_code, reply.headers.multi_items(), reply.content


def with_aiohttp(url: str, one: dict[str, Any], body: bytes | None) -> Outcome:
    import aiohttp  # type: ignore[import-not-found, unused-ignore]
    import yarl  # type: ignore[import-not-found, unused-ignore]

    async def call() -> Outcome:
        data = slow_pieces(body) if body and one["chunked"] else body
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session,
            session.request(
                one["method"], yarl.URL(url), headers=one["headers"], data=data, allow_redirects=False
            ) as reply,
        ):
            return reply.status, list(reply.headers.items()), await reply.read()

    return asyncio.run(call())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def with_urllib(url: str, one: dict[str, Any], body: bytes | None) -> Outcome:
    data: Any = pieces(body) if body and one["chunked"] else body
    headers = {"Content-Type": "application/octet-stream", **one["headers"]}
    request = urllib.request.Request(url, data, headers, method=one["method"])
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=20) as reply:
            return reply.status, reply.headers.items(), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.items(), error.read()


CLIENTS: dict[str, Callable[[str, dict[str, Any], bytes | None], Outcome]] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "urllib": with_urllib,
}


def main() -> None:
    client, base = CLIENTS[sys.argv[1]], sys.argv[2]
    found: dict[str, Any] = {}
    for one in json.load(sys.stdin):
        body = None if one["body"] is None else base64.b64decode(one["body"])
        try:
            status, headers, data = client(base + one["path"], one, body)
            found[one["name"]] = [status, headers, base64.b64encode(data).decode()]
        except Exception as error:  # noqa: BLE001  # an outcome like any other
            found[one["name"]] = f"{type(error).__name__}: {error}"
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
