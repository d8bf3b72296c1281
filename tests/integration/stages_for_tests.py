"""Stages of a stranger who has not read the book, for tests of the plug-in door in a running gateway."""

from __future__ import annotations

import time

from portico.plugin import Exchange, Hooks, Phase, SettingsModel, Site, Stage


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
