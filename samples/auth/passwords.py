"""Passwords, hashed with argon2id (RFC 9106, its second recommended setting).

Hashing is slow on purpose, so it runs in threads and few at a time: each takes 64 MiB. A login for an
address that nobody has costs the same work as one with a wrong password, so that the time tells nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from samples.platform.errors import UnavailableError

AT_ONCE = 2
MAX_WAITING = 100

P = ParamSpec("P")
T = TypeVar("T")


class Passwords:
    """Makes and checks password hashes."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobodys = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await self._in_thread(self._hasher.hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one of the hash; without a hash never, but at the same cost."""
        right = await self._in_thread(self._verify, kept or self._nobodys, password)
        return right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with other settings than today's."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= MAX_WAITING:
            raise UnavailableError("Too many sign-ins at once")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
        finally:
            self._waiting -= 1
