"""A number for each of very many keys, in bounded memory, without ever stopping the loop for long.

One dict of a million keys stalls for 57 ms when it grows. So a table is made of small dicts, chosen by the low bits
of a key's hash; one that is full is split in two (extendible hashing), which takes under a millisecond whatever the
size of the whole. Keys are bytes, whose hashes a client cannot predict, and values plain floats, so that the garbage
collector never looks into the dicts.

All tables of a worker share one bound. When it is reached, a key that is new takes the place of the newest one of
its dict: callers that are known stay known, and a flood of invented keys only pushes itself out.
"""

from __future__ import annotations

from collections.abc import Callable

SHARD_KEYS = 2048


class Room:
    """How many keys the tables of a worker may hold: `used` of `most`. `forgotten` counts keys that had to go."""

    __slots__ = ("forgotten", "most", "used")

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0
        self.forgotten = 0

    def __repr__(self) -> str:
        return f"<Room {self.used} of {self.most} keys, {self.forgotten} forgotten>"


class KeyTable:
    """Key → number. Read and overwrite through `shards[hash(key) & mask]`; a new key needs `add`.

    `shards` has one entry for each value of the low bits; neighbours may be the same dict. Each table may exceed the
    bound by one key per shard, since a caller that is asked about now has to be known.
    """

    __slots__ = ("_depths", "_room", "mask", "shards")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._depths = [0]  # for each entry, how many low bits the keys of its shard have in common
        self.mask = 0
        self.shards: list[dict[bytes, float]] = [{}]

    def add(self, key: bytes, value: float) -> None:
        """Put a key that is not there yet."""
        room = self._room
        entry = hash(key) & self.mask
        shard = self.shards[entry]
        if shard and room.used >= room.most:
            shard.popitem()
            room.forgotten += 1
        else:
            room.used += 1
        shard[key] = value
        if len(shard) > SHARD_KEYS:
            self._split(entry)

    def expire(self, entry: int, until: float, late: Callable[[], bool]) -> tuple[int, bool]:
        """Forget the keys of one shard whose number is not above `until`; when it gets `late`, some of them.

        Returns how many keys were looked at, and whether none is left to forget. A shard that several entries share
        is looked at for the first of them only.
        """
        if entry >> self._depths[entry]:
            return 0, True
        shard = self.shards[entry]
        looked_at = len(shard)
        expired = [key for key, value in shard.items() if value <= until]
        while expired:
            del shard[expired.pop()]
            # A key may be the last of its megabyte, which then goes to the system: the last few of a million give
            # 90 MiB back.
            if late():
                break
        self._room.used -= looked_at - len(shard)
        if len(shard) < looked_at and 4 * len(shard) <= SHARD_KEYS:
            # A dict gives memory back only when it is emptied.
            left = dict(shard.items())
            shard.clear()
            shard.update(left)
        return looked_at, not expired

    def shrink(self) -> None:
        """Go back to one shard when there are no keys."""
        if self.mask and not any(self.shards):
            self.mask = 0
            self._depths = [0]
            self.shards = [{}]

    def _split(self, entry: int) -> None:
        depth = self._depths[entry]
        bit = 1 << depth
        if bit > self.mask:
            self.shards += self.shards
            self._depths += self._depths
            self.mask = len(self.shards) - 1
        low: dict[bytes, float] = {}
        high: dict[bytes, float] = {}
        for key, value in self.shards[entry].items():
            (high if hash(key) & bit else low)[key] = value
        for sharing in range(entry & (bit - 1), len(self.shards), bit):
            self.shards[sharing] = high if sharing & bit else low
            self._depths[sharing] = depth + 1

    def __len__(self) -> int:
        return sum(len(shard) for entry, shard in enumerate(self.shards) if not entry >> self._depths[entry])

    def __repr__(self) -> str:
        return f"<KeyTable {len(self)} keys in {len(self.shards)} entries>"
