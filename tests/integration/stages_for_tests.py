"""Stages of a stranger who has not read the book, for tests of the plug-in door in a running gateway."""

from __future__ import annotations

import asyncio
import time

from portico.plugin import (
    Answer,
    CallFailedError,
    Exchange,
    Failure,
    Hooks,
    Phase,
    SettingsModel,
    Site,
    Stage,
    failures,
)


class Blocks(SettingsModel):
    """How long to hold up everybody."""

    seconds: float = 0.0
    crash: bool = False


class BlockingStage(Stage[Blocks]):
    """Does what no stage may: it sleeps on the loop."""

    key, phase, settings = "blocks", Phase.GUARD, Blocks
    summary = "Sleeps on the loop."

    def compile(self, settings: Blocks, site: Site) -> Hooks:
        def on_request(x: Exchange) -> None:
            if settings.crash:
                raise RuntimeError("a bug of the stage")
            time.sleep(settings.seconds)

        return Hooks(on_request=on_request)


class AsksStage(Stage[str]):
    """Asks a service before it lets anybody pass, and tells the route's service what that answered."""

    key, phase, settings = "asks", Phase.GUARD, str
    summary = "Asks a service."

    def compile(self, settings: str, site: Site) -> Hooks:
        call = site.call(settings)

        async def on_request(x: Exchange) -> Failure | None:
            try:
                answer = await call(
                    "POST", "/ask?for=it", [(b"x-asked", b"yes")], b"a question", timeout_s=0.5
                )
            except CallFailedError as error:
                return failures.FORBIDDEN.because(f"{error.failure.status} {error.failure.code}")
            x.forward = [(b"x-answer", b"%d %b" % (answer.status, answer.body))]
            return None

        return Hooks(on_request=on_request)


class WorksStage(Stage[str]):
    """Asks a service again and again in the background, and tells how often it was answered."""

    key, phase, settings = "works", Phase.GUARD, str
    summary = "Asks a service in the background."

    def compile(self, settings: str, site: Site) -> Hooks:
        call = site.call(settings)
        answers: list[Answer] = []

        async def work() -> None:
            while True:
                answers.append(await call("GET", "/work"))
                await asyncio.sleep(0.01)

        site.background("works", work)

        def on_request(x: Exchange) -> None:
            x.forward = [(b"x-answers", b"%d" % len(answers))]

        return Hooks(on_request=on_request)
