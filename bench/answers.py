"""Whether a peer answers what the service says, and whether it really does what it is said to have on."""

from __future__ import annotations

import http.client
from pathlib import Path

from .claims import make_token
from .processes import Broken, until
from .service import BODY, PATH


def ask(
    port: int, token: str, *, method: str = "GET", path: str = PATH, body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own; an empty token is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    fields = {"Authorization": f"Bearer {token}"} if token else {}
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


def check_features(port: int, token: str) -> None:
    """Token and role are judged. Raises `Broken` when somebody passes who must not."""
    head, claims, _ = token.split(".")
    for title, shown, right in (
        ("no token", "", 401),
        ("a token with a false signature", f"{head}.{claims}.{'A' * 43}", 401),
        ("a role that may do nothing", make_token(role="stranger"), 403),
    ):
        status, _ = ask(port, shown)
        if status != right:
            raise Broken(
                f"answers {title} with {status}, not {right}: it does not do what it is measured for"
            )


def check_log(file: Path) -> None:
    """The access log has lines with JSON in them, a little after load. Raises `Broken`."""

    def written() -> bool:
        return file.exists() and file.stat().st_size > 0

    until(written, lambda: f"wrote no access log to {file.name}")
    with file.open("rb") as lines:
        if not lines.readline().strip(b"\0").startswith(b"{"):
            raise Broken(f"{file.name} is no JSON")
