"""What a request asks its store, gathered along the chain and asked once (design decision 9).

Limits that need no identity, what may revoke the identity, and limits that need one are put into it by their hooks.
It is asked behind the last of them, or before a refusal that comes earlier: who has used up a limit is told so first,
and what is revoked proves nothing, whatever else is wrong with the request.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .exchange import Exchange
    from .failure import Failure


class Question(Protocol):
    """One request's question, not asked yet."""

    def settle(self, x: Exchange) -> Awaitable[Failure | None]:
        """Ask, and say what refuses the request, None when nothing does."""
