"""One row of the tables: bytes from a client, and what must come of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from portico.testing import Message

Field = tuple[bytes, bytes]

# What the gateway writes towards a service, whatever the client sent; framing is judged by the body it gives.
_OURS = frozenset(
    {
        b"host",
        b"x-request-id",
        b"x-gateway-forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-real-ip",
        b"x-original-ip",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-forwarded-host",
        b"forwarded",
        b"x-request-deadline",
        b"content-length",
        b"transfer-encoding",
        b"expect",
    }
)

# Sent behind a case to see that the connection stands where it should.
NEXT = b"GET /next HTTP/1.1\r\nHost: next.test\r\n\r\n"


@dataclass(frozen=True)
class Seen:
    """A request as the service sees it, without what the gateway says of its own; `host` is X-Forwarded-Host."""

    line: bytes  # method SP target
    body: bytes = b""
    fields: tuple[Field, ...] = ()
    trailers: tuple[Field, ...] = ()
    host: bytes = b"a.test"

    @classmethod
    def of(cls, message: Message) -> "Seen":
        """What a service has seen. Fails when the gateway's own fields are not exactly there once."""
        assert message.start.endswith(b" HTTP/1.1"), message.start
        for name in (
            b"host",
            b"x-request-id",
            b"x-gateway-forwarded",
            b"via",
            b"x-forwarded-proto",
            b"forwarded",
        ):
            assert len(message.all(name)) == 1, (name, message.fields)
        return cls(
            b"%b %b" % (message.method, message.target),
            message.body,
            tuple(field for field in message.fields if field[0] not in _OURS),
            message.trailers,
            message.get(b"x-forwarded-host") or b"",
        )


_NEXT_SEEN = Seen(b"GET /next", host=b"next.test")


@dataclass(frozen=True)
class Case:
    """`data` from the client; `statuses` of the replies in order; `seen` by the service, in order.

    `closes`: the gateway ends the connection after the last reply. `alone`: the bytes are an unfinished message,
    so that others behind them would change what they mean.
    """

    id: str
    data: bytes
    statuses: tuple[int, ...]
    seen: tuple[Seen, ...] = ()
    closes: bool = False
    alone: bool = False

    def followed(self) -> "Case":
        """The same with a good request behind it, which is served exactly when the connection goes on."""
        if self.closes:
            return Case(self.id, self.data + NEXT, self.statuses, self.seen, True)
        return Case(self.id, self.data + NEXT, (*self.statuses, 200), (*self.seen, _NEXT_SEEN))

    def methods(self) -> tuple[bytes, ...]:
        """What each reply answers, as far as it matters to read it."""
        if len(self.seen) != len(self.statuses):
            return (b"GET",) * len(self.statuses)
        return tuple(seen.line.split(b" ")[0] for seen in self.seen)


def good(id: str, data: bytes, *seen: Seen, closes: bool = False) -> Case:  # noqa: A002  # it is one
    """Every request is answered with 200."""
    return Case(id, data, (200,) * len(seen), seen, closes)


def bad(id: str, data: bytes, status: int = 400, *, seen: tuple[Seen, ...] = (), alone: bool = False) -> Case:  # noqa: A002
    """The first request that is not among `seen` is refused, and the connection ended."""
    return Case(id, data, (200,) * len(seen) + (status,), seen, closes=True, alone=alone)


HEAD_SPLITS = 260
SAMPLED_SPLITS = 40


def splittings(data: bytes) -> Iterator[list[bytes]]:
    """Two pieces at every point (of long messages: all points in front, a sample behind), then byte by byte."""
    points = list(range(1, min(len(data), HEAD_SPLITS)))
    rest = range(HEAD_SPLITS, len(data))
    points += rest[:: max(1, len(rest) // SAMPLED_SPLITS)]
    for point in points:
        yield [data[:point], data[point:]]
    if len(data) <= 2 * HEAD_SPLITS:
        yield [data[at : at + 1] for at in range(len(data))]
    else:
        step = max(61, len(data) // 100)
        yield [data[at : at + step] for at in range(0, len(data), step)]
