"""How replies tell what limits leave: RateLimit and RateLimit-Policy, or what older clients know.

`draft` is draft-ietf-httpapi-ratelimit-headers (two lists of structured fields, RFC 9651): every limit with what
remains and the seconds until all is restored, or, where it refuses, until Retry-After's moment. `older` is the three
fields of that draft's early versions, `x` the same with X- before their names: both tell of the limit that leaves
least.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from .exchange import Exchange
from .fields import Field
from .reply import Reply


class Policy:
    """One limit, as clients know it."""

    __slots__ = ("name", "quota", "window_s")

    def __init__(self, name: str, quota: int, window_s: int) -> None:
        self.name = b'"%b"' % name.encode("ascii")
        self.quota = quota
        self.window_s = window_s


Left = tuple[int, float]
"""(remaining, seconds until all is restored, or, at a limit that refuses, until one may come again)."""

Tell = Callable[[Exchange, Reply], None]

_PREFIXES = {"older": b"ratelimit", "x": b"x-ratelimit"}


class Teller:
    """Writes the fields of these styles into replies.

    `policies` are a route's limits in the order in which they are asked: an exchange's `limits` are those that were.
    `constant` are the fields that are the same on every reply, `names` those that a service's reply may not have then.
    """

    __slots__ = ("_drafted", "_forms", "_policies", "constant", "names")

    def __init__(self, styles: Sequence[str], policies: Sequence[Policy]) -> None:
        self._policies = tuple(policies)
        prefixes = [prefix for style, prefix in _PREFIXES.items() if style in styles]
        self._forms = [
            b"%b-limit: %%d\r\n%b-remaining: %%d\r\n%b-reset: %%d\r\n" % (prefix, prefix, prefix)
            for prefix in prefixes
        ]
        names = {
            b"%b-%b" % (prefix, part) for prefix in prefixes for part in (b"limit", b"remaining", b"reset")
        }
        self.constant: tuple[Field, ...] = ()
        self._drafted = "draft" in styles
        if self._drafted:
            names.add(b"ratelimit")
            written = [b"%b;q=%d;w=%d" % (policy.name, policy.quota, policy.window_s) for policy in policies]
            self.constant = ((b"ratelimit-policy", b", ".join(written)),)
        self.names = frozenset(names)

    @property
    def tell(self) -> Tell:
        """The hook on_reply. Made when asked for: a teller that held it would be a cycle for gc, one per route."""
        return self._all if self._forms else self._draft

    def _draft(self, x: Exchange, reply: Reply) -> None:
        """on_reply: the draft's field."""
        limits = x.limits
        if not limits:
            return  # answered before any limit was asked
        policies = self._policies
        items = [b""] * len(limits)
        for index, (remaining, seconds) in enumerate(limits):
            whole = int(seconds)
            if whole < seconds:
                whole += 1
            items[index] = b"%b;r=%d;t=%d" % (policies[index].name, remaining, whole)
        reply.lines += b"ratelimit: %b\r\n" % b", ".join(items)

    def _all(self, x: Exchange, reply: Reply) -> None:
        """on_reply: every style."""
        if not x.limits:
            return
        if self._drafted:
            self._draft(x, reply)
        # Least remaining first, then longest to wait.
        (remaining, wait), quota = min(
            ((left, -seconds), policy.quota)
            for (left, seconds), policy in zip(x.limits, self._policies, strict=False)
        )
        for form in self._forms:
            reply.lines += form % (quota, remaining, ceil(-wait))
