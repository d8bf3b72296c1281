"""Lines to paste into a shell: a `try` entry of the configuration as a curl command.

An entry is `[METHOD] /path[?query] [JSON body]`. Everything that it holds is quoted for a POSIX shell.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

_WILDCARDS = {
    f"{scheme}://{every}": f"{scheme}://{this}"
    for scheme in ("http", "https")
    for every, this in (("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]"))  # noqa: S104 - as it is shown
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request to try."""

    method: str
    target: str
    body: str = ""


def parse(text: str) -> Attempt:
    """The request that an entry asks for. ValueError says what is wrong with it."""
    line = text.strip()
    if line.startswith("/"):
        line = f"GET {line}"
    method, target, body = (*line.split(maxsplit=2), "", "", "")[:3]
    if not target.startswith("/") or not method.replace("-", "").isalpha():
        raise ValueError(
            f'"{text}" is no request: write "METHOD /path", and a JSON body behind it if it has one'
        )
    if body:
        try:
            json.loads(body)
        except ValueError:
            raise ValueError(f'"{text}" is no request: what follows the path is not JSON') from None
    return Attempt(method.upper(), target, body)


def reachable(address: str) -> str:
    """An address of the gateway as a client on this machine writes it: every interface is also this one."""
    host, _, port = address.rpartition(":")
    return f"{_WILDCARDS.get(host, host)}:{port}"


def command(attempt: Attempt, address: str, token: str = "") -> str:
    """The command line. `address` is one that the gateway serves; `token` goes into Authorization."""
    words = ["curl"]
    if any(sign in attempt.target for sign in "[]{}"):
        words.append("-g")  # curl would read these as patterns
    if attempt.method == "HEAD":
        words.append("-I")
    elif attempt.method != ("POST" if attempt.body else "GET"):
        words += ["-X", attempt.method]
    if token:
        words += ["-H", f"Authorization: Bearer {token}"]
    if attempt.body:
        words += ["-H", "Content-Type: application/json", "-d", attempt.body]
    base = reachable(address)
    if address.startswith("unix:"):
        words += ["--unix-socket", address.removeprefix("unix:")]
        base = "http://localhost"
    return shlex.join([*words, base + attempt.target])
