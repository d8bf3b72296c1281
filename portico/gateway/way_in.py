"""Along a chain to its service: the `on_request` hooks in order, and the call at the end.

  hook ── None ──► next hook ── … ──► the request's filters are made ──► Forward.begin
    │ a Reply or a Failure                                                (the outcome comes by the way back)
    ▼
  is there a question to the store? It is asked first (`exchange.question`), and may refuse for a better reason
    │
    ▼
  answered by the gateway

A chain of plain functions is one loop: no task, no future, no timer. A hook that has to wait returns an awaitable, and
only then there is a task; one that wants the whole body has the exchange parked until it is there (`bodies`). Whoever
ends the exchange while a hook waits cancels the task, and nothing that the hook then says is heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from portico.exchange.exchange import Exchange
from portico.exchange.failure import DEADLINE_PASSED, NOT_FOUND, Failure
from portico.exchange.memory import MemoryBudget
from portico.exchange.reply import Reply
from portico.exchange.stage import Outcome

from .bodies import demand
from .way_back import WayBack

if TYPE_CHECKING:
    from .chain import Chain


class WayIn:
    """Runs hooks. What they decide goes to the way back."""

    def __init__(self, back: WayBack, memory: MemoryBudget) -> None:
        self._back = back
        self._memory = memory

    def run(self, x: Exchange, chain: Chain) -> None:
        """The common case: nothing waits."""
        try:
            for hook in chain.requests:
                outcome = hook(x)
                if outcome is not None:
                    self._take(x, outcome, _behind(hook, chain))
                    return
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            self._back.crashed(x, error)
            return
        self._deliver(x, chain, x.now)

    def run_from(self, x: Exchange, index: int) -> None:
        """The same from a hook on, and for a chain in which one wants the body first."""
        chain: Chain = x.chain
        hooks = chain.requests
        try:
            while index < len(hooks):
                if index == chain.body_at and x.body is None:
                    failure = demand(x, index, self._memory)
                    if failure is not None:
                        self._back.failed(x, failure)
                        return
                    if x.parked_at >= 0:
                        return  # until the body is here
                outcome = hooks[index](x)
                index += 1
                if outcome is not None:
                    self._take(x, outcome, index)
                    return
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            self._back.crashed(x, error)
            return
        self._deliver(x, chain, monotonic())

    def _take(self, x: Exchange, outcome: Any, index: int) -> None:
        """What a hook has said, or says when it has waited; `index` is that of the next one."""
        if x.question is None and isinstance(outcome, Reply | Failure):
            self._back.answer(x, outcome)
            return
        loop = asyncio.get_running_loop()
        x.task = loop.create_task(self._await(x, outcome, index), name=f"stage of {x.route.name}")

    async def _await(self, x: Exchange, pending: Any, index: int) -> None:
        try:
            outcome: Outcome = pending if isinstance(pending, Reply | Failure) else await pending
            question = x.question
            if outcome is not None and question is not None:
                x.question = None
                outcome = await question.settle(x) or outcome
            x.task = None
            if x.ended:
                return
            if outcome is not None:
                self._back.answer(x, outcome)
                return
        except asyncio.CancelledError as error:
            if x.task is not None:  # not by the road: what the stage waited for was cancelled
                x.task = None
                self._back.crashed(x, error)
            raise
        except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
            x.task = None
            self._back.crashed(x, error)
            return
        self.run_from(x, index)

    def _deliver(self, x: Exchange, chain: Chain, now: float) -> None:
        if chain.request_filters:
            try:
                made = [make(x) for make in chain.request_filters]
            except Exception as error:  # noqa: BLE001  # a stage's bug ends its own exchange only
                self._back.crashed(x, error)
                return
            x.request_filters = tuple([one for one in made if one is not None])
        forward = chain.forward
        if forward is None:
            self._back.failed(x, NOT_FOUND)
        elif x.latest < now or x.deadline < now:
            self._back.failed(x, DEADLINE_PASSED)
        else:
            forward.begin(x, now)


def _behind(hook: Callable[[Exchange], Any], chain: Chain) -> int:
    """The index of the hook behind this one."""
    index = 0
    for one in chain.requests:
        index += 1
        if one is hook:
            break
    return index
