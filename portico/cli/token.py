"""`portico token`: a token that the configuration accepts, for whoever tries the gateway.

Only the token goes to standard output, so that `$(portico token)` can stand in another command.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from portico.cli.configuration import DEFAULT_FILE, compiled
from portico.cli.given import duration
from portico.cli.trouble import Trouble

if TYPE_CHECKING:
    from portico.config import Settings

_ONE_DAY_S = 86_400.0


def token(
    file: str = typer.Option(DEFAULT_FILE, "-c", "--config", metavar="FILE", help="The configuration."),
    identity: str = typer.Option(
        "", "--identity", metavar="NAME", help="The identity to sign for, if there are several."
    ),
    claim: list[str] = typer.Option(
        [], "--claim", metavar="NAME=TEXT", help="A claim, or NAME:=JSON for one that is no text; repeatable."
    ),
    expires: str = typer.Option("", "--expires", metavar="TIME", help="How long it is valid, such as 1h."),
    key: str = typer.Option("", "--key", metavar="FILE", help="The private key (PEM), if it needs one."),
) -> None:
    """Make a token to try the gateway with.

    Its claims begin with those under development.token of the configuration.
    """
    from portico.identity.development import TokenNotMadeError, make_token

    settings = compiled(file).runtime.settings
    name = identity or _usual_identity(settings)
    written = settings.development.token
    claims: dict[str, Any] = {}
    lasts_s = _ONE_DAY_S
    if written is not None and written.identity == name:
        claims, lasts_s = dict(written.claims), written.expires
    claims |= _claims(claim)
    if expires:
        lasts_s = duration(expires, "--expires")
    try:
        made = make_token(
            settings.identity,
            name,
            claims,
            expires_s=lasts_s,
            wall=time.time(),
            private_key=_read(key) if key else None,
        )
    except TokenNotMadeError as error:
        raise Trouble(f"no token could be made: {error}") from None
    typer.echo(made)


def _usual_identity(settings: Settings) -> str:
    if settings.development.token is not None:
        return settings.development.token.identity
    if len(settings.identity) == 1:
        return next(iter(settings.identity))
    if not settings.identity:
        raise Trouble("this configuration has no identity: there is nothing to make a token for")
    raise Trouble(f"there are several identities – name one with --identity: {', '.join(settings.identity)}")


def _claims(written: Iterable[str]) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    for text in written:
        name, sign, value = text.partition("=")
        if not sign or not name.rstrip(":"):
            raise typer.BadParameter(
                f"{text} is no claim: write NAME=TEXT or NAME:=JSON", param_hint="--claim"
            )
        if name.endswith(":"):
            try:
                claims[name.removesuffix(":")] = json.loads(value)
            except ValueError:
                raise typer.BadParameter(f"{value} is no JSON", param_hint="--claim") from None
        else:
            claims[name] = value
    return claims


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "is no text").lower()
        raise Trouble(f"cannot read the key {path}: {reason}") from None
