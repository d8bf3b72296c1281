"""The store of several workers: one process that keeps a store in memory and answers frames of questions.

It answers processes of its own user only. All questions of a frame are answered in one go, in their order, and
nothing else happens meanwhile: that is what makes every verb atomic for all workers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from typing import Any, cast

from portico.rules import LimitRule

from .frames import DROP, FIND, JUDGE, KEEP, KEYS, ONCE, REVOKE, SWAP, Frames, frame, peer_user
from .interface import Ask, Spend, Store, StoreAwayError

log = logging.getLogger("portico.stores")

_MOST_RULES = 10_000


class StoreServer:
    """Serves `store` on a listening Unix socket."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rules: dict[tuple[int, float, int], LimitRule] = {}
        self._server: asyncio.Server | None = None
        self.connections: set[_Connection] = set()

    async def serve(self, listening: socket.socket) -> None:
        """Begin to answer."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Connection(self), sock=listening)

    async def close(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()
        await self._store.close()

    async def answer(self, questions: Sequence[Any]) -> tuple[list[Any], dict[int, str]]:
        """The answers, None for those that could not be had, and why not."""
        answers: list[Any] = []
        troubles: dict[int, str] = {}
        for question in questions:
            try:
                answers.append(await self._one(question))
            except StoreAwayError as error:
                troubles[len(answers)] = str(error)
                answers.append(None)
        return answers, troubles

    async def _one(self, question: Any) -> Any:
        store = self._store
        match question:
            case (verb, early, marks, issued, late, reported) if verb == JUDGE:
                spends = self._spends
                ask = Ask(spends(early), marks, issued, spends(late), spends(reported))
                outcome, *verdicts = await store.judge(ask)
                return (int(outcome), *verdicts)
            case (verb, mark, until, before) if verb == REVOKE:
                await store.revoke(mark, until, before)
                return None
            case (verb, key, until) if verb == ONCE:
                return await store.once(key, until)
            case (verb, kind, key) if verb == FIND:
                return await store.find(kind, key)
            case (verb, kind, key, value, until) if verb == KEEP:
                await store.keep(kind, key, value, until)
                return None
            case (verb, kind, key, old, new, until) if verb == SWAP:
                return await store.swap(kind, key, old, new, until)
            case (verb, kind, key) if verb == DROP:
                return await store.drop(kind, key)
            case (verb, kind, prefix) if verb == KEYS:
                return [key async for key, _ in store.list(kind, prefix)]
        raise AssertionError(f"not a question: {question!r}")

    def _spends(self, asked: Sequence[Any]) -> list[Spend]:
        return [Spend(name, self._rule(rule), key) for name, rule, key in asked]

    def _rule(self, written: tuple[int, float, int]) -> LimitRule:
        rule = self._rules.get(written)
        if rule is None:
            if len(self._rules) >= _MOST_RULES:
                self._rules.clear()
            rule = self._rules[written] = LimitRule(*written)
        return rule

    def __repr__(self) -> str:
        return f"<StoreServer {len(self.connections)} connections, {self._store!r}>"


class _Connection(asyncio.Protocol):
    """One worker."""

    def __init__(self, server: StoreServer) -> None:
        self._server = server
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        user = peer_user(transport.get_extra_info("socket"))
        if user != os.geteuid():
            log.error("a process of user %d wanted to use the store: refused", user)
            self._transport.abort()
            return
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self not in self._server.connections:
            return
        for number, questions in self._frames.feed(data):
            task = asyncio.get_running_loop().create_task(self._answer(number, questions))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int, questions: Sequence[Any]) -> None:
        answers = await self._server.answer(questions)
        if self._transport is not None:
            self._transport.write(frame(number, answers))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.connections.discard(self)

    def close(self) -> None:
        """Break off."""
        if self._transport is not None:
            self._transport.abort()
