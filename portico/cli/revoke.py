"""`portico revoke`: end what was issued – a token, a sign-in, a session, or everything of a user or a tenant.

Works whether the gateway runs or not; one that runs refuses within a second, with Redis at once. What could be used is
read from standard input and never from the command line, where other programs see it and shells remember it.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

import typer

from portico.cli.configuration import DEFAULT_FILE, compiled
from portico.cli.facts import with_facts
from portico.cli.given import duration
from portico.cli.text import complain, say
from portico.cli.trouble import Trouble

if TYPE_CHECKING:
    from portico.config import Settings
    from portico.stores.interface import Store

_MOST_BYTES = 64 * 1024
_YEAR_10000 = 253_402_300_800.0


@dataclass(frozen=True, slots=True)
class _Target:
    """What is to be revoked. Times are wall seconds. `ends`: when it has ended by itself."""

    mark: bytes
    what: str
    before: float = inf
    ends: float = inf
    hint: str = ""
    session: str = ""


def revoke(
    file: str = typer.Option(DEFAULT_FILE, "-c", "--config", metavar="FILE", help="The configuration."),
    token: bool = typer.Option(False, "--token", help="The token on standard input."),
    jti: str = typer.Option("", "--jti", metavar="TEXT", help="The token with this jti, of --identity."),
    identity: str = typer.Option("", "--identity", metavar="NAME", help="The identity that the jti is of."),
    user: str = typer.Option(
        "",
        "--user",
        metavar="TEXT",
        help="All that this user, of --tenant if users have one, was issued before now.",
    ),
    tenant: str = typer.Option(
        "", "--tenant", metavar="TEXT", help="Without --user: all that anybody of it was issued before now."
    ),
    family: str = typer.Option(
        "",
        "--family",
        metavar="TEXT",
        help="All tokens of one sign-in, as audit lines and the claim fam name it.",
    ),
    session: bool = typer.Option(
        False, "--session", help="The session whose cookie, or key in the store, is on standard input."
    ),
    until: str = typer.Option(
        "", "--until", metavar="TIME", help="When this is forgotten: 2030-12-31, or with a time."
    ),
    for_: str = typer.Option("", "--for", metavar="TIME", help="After how long it is forgotten, such as 7d."),
) -> None:
    """Refuse what was issued: a token, a session, all of a user.

    Without --until and --for a token is remembered until it has ended, and everything else for ever.
    """
    chosen = [name for name, given in (
        ("--token", token), ("--jti", jti), ("--user", user), ("--tenant", tenant and not user),
        ("--family", family), ("--session", session),
    ) if given]  # fmt: skip
    if len(chosen) != 1:
        given = " and ".join(chosen) or "nothing"
        raise typer.BadParameter(
            f"{given} is to be revoked: give one of --token, --jti, --user, --tenant, --family, --session"
        )
    if bool(jti) != bool(identity):
        raise typer.BadParameter("--jti and --identity go together: a jti is unique for one issuer")
    if tenant and not (user or chosen == ["--tenant"]):
        raise typer.BadParameter(f"--tenant goes with --user or alone, not with {chosen[0]}")
    settings = compiled(file).runtime.settings
    wall = time.time()
    end = _end(until, for_, wall)
    make: dict[str, Callable[[], _Target]] = {
        "--token": lambda: _token(settings, wall),
        "--jti": lambda: _jti(settings, identity, jti),
        "--user": lambda: _user(user, tenant or None, wall),
        "--tenant": lambda: _tenant(tenant, wall),
        "--family": lambda: _family(family),
        "--session": _session,
    }
    target = make[chosen[0]]()
    kept = target.ends if end is None else end
    with_facts(settings, _revoking(target, kept))
    say([f"revoked {'for ever' if kept == inf else f'until {_time(kept)}'}: {target.what}"])
    if target.hint:
        complain([target.hint])


def _revoking(target: _Target, until: float) -> Callable[[Store], Awaitable[None]]:
    async def run(store: Store) -> None:
        await store.revoke(target.mark, until, target.before)
        if target.session:
            await store.drop("session", target.session)

    return run


def _token(settings: Settings, wall: float) -> _Target:
    from portico.exchange.marks import token_mark

    text = _standard_input("a token").removeprefix("Bearer ").removeprefix("bearer ").strip()
    for name, block in settings.identity.items():
        if block.api_key is not None and text.startswith(f"{block.api_key.prefix}_"):
            raise Trouble(f"this is an API key of {name} – revoke it by its id: portico key revoke ID")
    claims = _claims(text)
    expires, family = claims.get("exp"), claims.get("fam")
    ends = inf
    # A time that no proof accepts is none.
    if isinstance(expires, int | float) and 0 <= expires < _YEAR_10000:
        # It is accepted for as long as the most forgiving identity forgives.
        leeway_s = max((block.jwt.leeway for block in settings.identity.values() if block.jwt), default=0.0)
        ends = expires + leeway_s + 1.0
        if ends <= wall:
            raise Trouble("this token has ended by itself – there is nothing to revoke")
    hint = (
        f"this ends one token; for all of its sign-in: portico revoke --family {family}"
        if isinstance(family, str)
        else ""
    )
    return _Target(token_mark(text.encode()), "this token", ends=ends, hint=hint)


def _jti(settings: Settings, identity: str, jti: str) -> _Target:
    from portico.exchange.marks import jti_mark

    if identity not in settings.identity:
        raise Trouble(
            f"there is no identity {identity}: {', '.join(settings.identity) or 'the configuration has none'}"
        )
    return _Target(jti_mark(identity, jti), f"the token {jti} of {identity}")


def _user(user: str, tenant: str | None, wall: float) -> _Target:
    from portico.exchange.marks import user_mark

    of = f"of tenant {tenant}" if tenant is not None else "without a tenant"
    what = f"everything that user {user} {of} was issued before {_time(wall)}"
    return _Target(user_mark(tenant, user), what, before=wall)


def _tenant(tenant: str, wall: float) -> _Target:
    from portico.exchange.marks import tenant_mark

    what = f"everything that anybody of tenant {tenant} was issued before {_time(wall)}"
    return _Target(tenant_mark(tenant), what, before=wall)


def _family(family: str) -> _Target:
    from portico.exchange.marks import family_mark

    return _Target(family_mark(family), f"all tokens of the sign-in {family}")


def _session() -> _Target:
    from portico.exchange.marks import session_mark
    from portico.identity.sessions import key_of

    text = _standard_input("the cookie of a session")
    session_id, point, _ = text.partition(".")
    key = key_of(session_id) if point else text
    return _Target(session_mark(key), "this session", session=key)


def _standard_input(what: str) -> str:
    if sys.stdin.isatty():
        complain([f"paste {what}, then press Enter and Ctrl-D"])
    text = sys.stdin.read(_MOST_BYTES + 1).strip()
    if not text or len(text) > _MOST_BYTES or not (text.isascii() and text.isprintable()):
        raise Trouble(f"there is not {what} on standard input")
    return text


def _claims(token: str) -> dict[str, Any]:
    """What a JWT says, true or not; nothing for tokens that only their issuer can read."""
    try:
        _, payload, _ = token.split(".")
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _end(until: str, for_: str, wall: float) -> float | None:
    if until and for_:
        raise typer.BadParameter("give --until or --for, not both")
    if for_:
        return wall + duration(for_, "--for")
    if not until:
        return None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise typer.BadParameter(
            f"{until} is no time: write 2030-12-31 or 2030-12-31T18:00:00Z", param_hint="--until"
        ) from None
    end = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if end <= wall:
        raise typer.BadParameter(f"{until} has passed", param_hint="--until")
    return end


def _time(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall))
