"""How replies tell what limits leave: RateLimit and RateLimit-Policy, or what older clients know.

`draft` is draft-ietf-httpapi-ratelimit-headers (two lists of structured fields, RFC 9651): every limit with what
remains and the seconds until all is restored, or, where it refuses, until Retry-After's moment. `older` is the three
fields of that draft's early versions, `x` the same with X- before their names: both tell of the limit that leaves
least.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from .exchange import Exchange
from .fields import Field
from .reply import Reply


class Policy:
    """One limit, as clients know it."""

    __slots__ = ("item", "line", "quota")

    def __init__(self, name: str, quota: int, window_s: int) -> None:
        quoted = name.encode("ascii")
        self.quota = quota
        self.line = b'"%b";q=%d;w=%d' % (quoted, quota, window_s)
        self.item = b'"%b";r=%%d;t=%%d' % quoted.replace(b"%", b"%%")


Told = tuple[Policy, int, float]
"""(limit, remaining, seconds until all is restored, or until the refused may come again)."""

_PREFIXES = {"older": b"ratelimit", "x": b"x-ratelimit"}


class Teller:
    """Writes the fields of these styles into replies. `names` are those that a service's reply may not have then."""

    __slots__ = ("_draft", "_forms", "names", "tell")

    def __init__(self, styles: Sequence[str]) -> None:
        self._draft = "draft" in styles
        prefixes = [prefix for style, prefix in _PREFIXES.items() if style in styles]
        self._forms = [
            b"%b-limit: %%d\r\n%b-remaining: %%d\r\n%b-reset: %%d\r\n" % (prefix, prefix, prefix)
            for prefix in prefixes
        ]
        names = {
            b"%b-%b" % (prefix, part) for prefix in prefixes for part in (b"limit", b"remaining", b"reset")
        }
        if self._draft:
            names.add(b"ratelimit")
        self.names = frozenset(names)
        self.tell = self._all if prefixes else self._items

    def policies(self, policies: Sequence[Policy]) -> tuple[Field, ...]:
        """The fields that are the same on every reply."""
        if not self._draft:
            return ()
        return ((b"ratelimit-policy", b", ".join([policy.line for policy in policies])),)

    def _items(self, x: Exchange, reply: Reply) -> None:
        """on_reply: the draft's field alone."""
        limits = x.limits
        if limits is None:
            return  # refused before any limit was asked
        if len(limits) == 1:
            policy, remaining, seconds = limits[0]
            items = policy.item % (remaining, ceil(seconds))
        else:
            items = b", ".join(
                [policy.item % (remaining, ceil(seconds)) for policy, remaining, seconds in limits]
            )
        reply.lines += b"ratelimit: %b\r\n" % items

    def _all(self, x: Exchange, reply: Reply) -> None:
        """on_reply: every style."""
        if x.limits is None:
            return
        if self._draft:
            self._items(x, reply)
        policy, remaining, seconds = min(x.limits, key=_severity)
        for form in self._forms:
            reply.lines += form % (policy.quota, remaining, ceil(seconds))


def _severity(told: Told) -> tuple[int, float]:
    """Least remaining first, then longest to wait."""
    return told[1], -told[2]
