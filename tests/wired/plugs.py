"""Stages from outside, for what only a stage can show or do. Named under `stages:` as a user would."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from portico.plugin import Duration, Exchange, Flag, Hooks, Outcome, Phase, Reply, Site, Stage


class Signed(Stage[None]):
    """Marks every reply."""

    key: ClassVar[str] = "signed"
    phase: ClassVar[Phase] = Phase.OBSERVE
    settings: ClassVar[Any] = None
    always: ClassVar[bool] = True

    def compile(self, settings: None, site: Site) -> Hooks:
        return Hooks(reply_fields=((b"x-signed", b"yes"),))


class Telling(Stage[bool]):
    """Tells the client what was proven and no service is told."""

    key: ClassVar[str] = "telling"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings = Flag

    def compile(self, settings: bool, site: Site) -> Hooks:
        def on_reply(x: Exchange, reply: Reply) -> None:
            identity = x.identity
            if identity is not None:
                reply.set(b"x-email", (identity.email or "none").encode())
                reply.set(b"x-venue", (identity.venue or "none").encode())
                reply.set(b"x-permissions", (" ".join(identity.permissions) or "none").encode())

        return Hooks(on_reply=on_reply)


class Crashing(Stage[bool]):
    """Has a fault."""

    key: ClassVar[str] = "crashing"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings = Flag

    def compile(self, settings: bool, site: Site) -> Hooks:
        def on_request(x: Exchange) -> Outcome:
            raise ZeroDivisionError

        return Hooks(on_request=on_request)


class Napping(Stage[float]):
    """Blocks the loop."""

    key: ClassVar[str] = "napping"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings = Duration

    def compile(self, settings: float, site: Site) -> Hooks:
        def on_request(x: Exchange) -> Outcome:
            time.sleep(settings)
            return None

        return Hooks(on_request=on_request)


class Sleeping(Stage[float]):
    """Blocks the loop, under another name."""

    key: ClassVar[str] = "sleeping"
    phase: ClassVar[Phase] = Phase.VALIDATE
    settings = Duration

    def compile(self, settings: float, site: Site) -> Hooks:
        def on_request(x: Exchange) -> Outcome:
            time.sleep(settings)
            return None

        return Hooks(on_request=on_request)
