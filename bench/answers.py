"""Whether a peer answers what the service says: 200 and the same body, byte for byte."""

from __future__ import annotations

import http.client

from .processes import Broken
from .service import BODY, PATH


def ask(
    port: int, token: str, *, method: str = "GET", path: str = PATH, body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    fields = {"Authorization": f"Bearer {token}"}
    if body is not None:
        fields["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body=body, headers=fields)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def check_answer(
    port: int,
    token: str,
    *,
    method: str = "GET",
    path: str = PATH,
    body: bytes | None = None,
    expected: bytes = BODY,
) -> None:
    """Ask once. Raises `Broken` for any answer but 200 with the expected body."""
    try:
        status, text = ask(port, token, method=method, path=path, body=body)
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"does not answer {method} {path}: {error!r}") from error
    if status != 200 or text != expected:
        raise Broken(f"answers {method} {path} with {status} and {len(text)} bytes: {text[:120]!r}")
