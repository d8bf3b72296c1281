"""What `portico run` prints once it serves: where, and for a person who tries it, how.

It goes to standard output of the supervisor and never into a log. A token is made and shown only where the
configuration has a `development:` section that asks for one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from portico import __version__
from portico.cli import curl
from portico.cli.text import count, span, title

if TYPE_CHECKING:
    from portico.config import Settings
    from portico.gateway.check import Offline
    from portico.process.supervisor import Announcement


def greeting(announcement: Announcement) -> Iterator[str]:
    """The lines to print."""
    settings = announcement.loaded.settings
    yield title(
        f"Portico {__version__} serves on {', '.join(_places(announcement.addresses))}"
        f" with {count(announcement.workers, 'worker')}"
    )
    for name, ready in announcement.children.items():
        yield f"  service {name} runs beside it{'' if ready else ', but is not ready: the log says why'}"
    yield from _development(announcement, settings)
    folder = "" if settings.gateway.data == "./var" else f" --data {settings.gateway.data}"
    yield ""
    yield f'Ctrl-C stops it. From another terminal: "portico status{folder}", "portico reload{folder}".'


def _places(addresses: tuple[str, ...]) -> list[str]:
    """The addresses for people. One that is bound on every interface of both families is said once."""
    places: dict[str, str] = {}
    for address in addresses:
        near = curl.reachable(address)
        everywhere = near != address
        port = address.rpartition(":")[2]
        places.setdefault(f"*:{port}" if everywhere else address, near + " (every interface)" * everywhere)
    return list(places.values())


def _development(announcement: Announcement, settings: Settings) -> Iterator[str]:
    development = settings.development
    if development.user:
        yield ""
        yield title("Demo user")
        for name, value in development.user.items():
            yield f"  {name}: {value}"
    token = ""
    if development.token is not None:
        from portico.identity.development import TokenNotMadeError, make_token

        written = development.token
        yield ""
        yield title(f"Token, valid for {span(written.expires)}")
        try:
            token = make_token(
                settings.identity,
                written.identity,
                written.claims,
                expires_s=written.expires,
                wall=time.time(),
            )
            yield f"  {token}"
        except TokenNotMadeError as error:
            yield f"  none: {error}"
    if development.try_:
        yield ""
        yield title("Try")
        yield from _lines(announcement, settings, token)


def _lines(announcement: Announcement, settings: Settings, token: str) -> Iterator[str]:
    from portico.gateway.check import compile_offline

    offline = compile_offline(announcement.loaded)
    written = settings.development.token
    for text in settings.development.try_:
        try:
            attempt = curl.parse(text)
        except ValueError as error:
            yield f"  # {error}"
            continue
        known = written is not None and asks_for(offline, attempt, written.identity)
        yield "  " + curl.command(attempt, announcement.addresses[0], token if known else "")


def asks_for(offline: Offline, attempt: curl.Attempt, identity: str) -> bool:
    """Whether the route of this request takes proofs of this identity."""
    from portico.cli.table import rows
    from portico.routing import Match, normalise

    path, _, query = attempt.target.encode().partition(b"?")
    normal = normalise(path)
    if normal is None:
        return False
    found = offline.runtime.table.find(attempt.method.encode(), b"localhost", normal, query, [])
    if not isinstance(found, Match):
        return False
    return any(
        row.chain is found.value and identity in (row.authenticate or ())
        for row in rows(offline.runtime, offline.loaded.marks)
    )
