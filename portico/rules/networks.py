"""Which client addresses may come: networks that are let in, and networks that are kept out, which win.

Thousands of networks cost what ten do: each list becomes disjoint ranges in order, searched by bisection, and the
verdict for an address is remembered within a bound. An IPv4 address within IPv6 (::ffff:10.0.0.1, RFC 4291 section
2.5.5.2) is that IPv4 address, in lists and of clients, so ::/0 is all of IPv6 and nothing else. A client whose address
is not known (a Unix socket's) is in no network.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

_REMEMBERED = 4096
_LONGEST = 64  # bytes of an address that is worth remembering
_MAPPED_FIRST = 0xFFFF << 32
_MAPPED_LAST = _MAPPED_FIRST + 0xFFFFFFFF


class _Ranges:
    """Disjoint ranges of addresses of one family, in order."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(ranges):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def have(self, first: int, last: int) -> bool:
        """Whether the whole range from `first` to `last` is in one of these."""
        place = bisect_right(self._firsts, first) - 1
        return place >= 0 and last <= self._lasts[place]


class Networks:
    """A list of networks. `len()` is how many were written."""

    __slots__ = ("_four", "_six", "_written")

    def __init__(self, written: Iterable[Network]) -> None:
        four: list[tuple[int, int]] = []
        six: list[tuple[int, int]] = []
        self._written = 0
        for network in written:
            self._written += 1
            first, last, is_six = _range_of(network)
            (six if is_six else four).append((first, last))
        self._four = _Ranges(four)
        self._six = _Ranges(six)

    def have(self, address: bytes) -> bool:
        """Whether an address as text is in one of them; no for what is none."""
        try:
            found = ip_address(address.partition(b"%")[0].decode("ascii"))
        except ValueError:
            return False
        number = int(found)
        if found.version == 4:
            return self._four.have(number, number)
        if _MAPPED_FIRST <= number <= _MAPPED_LAST:
            return self._four.have(number - _MAPPED_FIRST, number - _MAPPED_FIRST)
        return self._six.have(number, number)

    def cover(self, network: Network) -> bool:
        """Whether every address of a network is in them."""
        first, last, is_six = _range_of(network)
        return (self._six if is_six else self._four).have(first, last)

    def __len__(self) -> int:
        return self._written

    def __repr__(self) -> str:
        return f"<Networks {self._written}>"


class Admission:
    """Who may come by address. An empty `allow` lets everybody in whom `deny` does not keep out."""

    __slots__ = ("_allow", "_deny", "_known", "_open")

    def __init__(self, allow: Networks, deny: Networks) -> None:
        self._allow = allow
        self._deny = deny
        self._open = len(allow) == 0
        self._known: dict[bytes, bool] = {}

    def admit(self, address: bytes) -> bool:
        """Whether the client at this address may come."""
        verdict = self._known.get(address)
        if verdict is None:
            verdict = not self._deny.have(address) and (self._open or self._allow.have(address))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            if len(address) <= _LONGEST:
                self._known[address] = verdict
        return verdict

    def __repr__(self) -> str:
        return f"<Admission allow {len(self._allow)}, deny {len(self._deny)}, {len(self._known)} remembered>"


def _range_of(network: Network) -> tuple[int, int, bool]:
    """(first, last, whether IPv6) with networks of mapped addresses as the IPv4 ones that they are."""
    first, last = int(network.network_address), int(network.broadcast_address)
    if isinstance(network, IPv4Network):
        return first, last, False
    if first >= _MAPPED_FIRST and last <= _MAPPED_LAST:
        return first - _MAPPED_FIRST, last - _MAPPED_FIRST, False
    return first, last, True
