"""The open-loop generator against services whose delay is known: what it says is never too little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from bench.openloop import Load, Outcome, drive, even, get, percentiles

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def service(answer: Answer) -> AsyncIterator[int]:
    """A service that calls `answer` for each request; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                await reader.readuntil(b"\r\n\r\n")
                await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)


async def measured(answer: Answer, schedule: list[float], connections: int = 4) -> Outcome:
    async with service(answer) as port:
        load = Load(port, get("x", "/"), rate=0, seconds=0, connections=connections, expect=b"ok")
        return await drive(load, schedule)


async def test_a_known_delay_is_in_every_sample() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(REPLY)

    outcome = await measured(slow, [0.0, 0.01, 0.02, 0.03])
    assert (outcome.asked, outcome.bad, len(outcome.took)) == (4, 0, 4)
    assert min(outcome.took) >= 0.049


async def test_a_stall_is_charged_to_all_that_were_due_meanwhile() -> None:
    stalled_until = 0.0

    async def stalls(writer: asyncio.StreamWriter) -> None:
        nonlocal stalled_until
        stalled_until = stalled_until or monotonic() + 0.3
        await asyncio.sleep(max(0.0, stalled_until - monotonic()) + 0.01)
        writer.write(REPLY)

    schedule = list(even(200, 0.5))
    outcome = await measured(stalls, schedule, connections=2)
    assert (outcome.bad, len(outcome.took)) == (0, 100)
    charged = [
        (due, took) for due, took in zip(outcome.due, outcome.took, strict=True) if due < stalled_until
    ]
    # Sixty were due, and only two could be sent: the other fifty-eight are what a closed loop would never see.
    assert len(charged) > 40
    assert outcome.waited >= len(charged) - 2
    assert all(due + took >= stalled_until for due, took in charged)


async def test_requests_are_due_when_the_schedule_says() -> None:
    async def quick(writer: asyncio.StreamWriter) -> None:
        writer.write(REPLY)

    schedule = [0.0, 0.1, 0.1, 0.25]
    outcome = await measured(quick, schedule)
    due = sorted(outcome.due)
    assert [each - due[0] for each in due] == pytest.approx(schedule)


async def test_what_is_not_the_right_answer_is_counted_apart() -> None:
    answers = iter([REPLY, REPLY.replace(b"200 OK", b"503 Busy"), REPLY.replace(b"ok", b"no"), b"", REPLY])

    async def odd(writer: asyncio.StreamWriter) -> None:
        reply = next(answers)
        if reply:
            writer.write(reply)
        else:
            writer.close()

    outcome = await measured(odd, [0.0, 0.02, 0.04, 0.06, 0.08], connections=1)
    assert (len(outcome.took), outcome.wrong, outcome.failed, outcome.unanswered) == (2, 2, 1, 0)
    assert outcome.first_wrong.startswith("503")
    assert outcome.reopened == 1


async def test_a_reply_that_is_the_last_of_its_connection_is_no_failure() -> None:
    async def last(writer: asyncio.StreamWriter) -> None:
        writer.write(REPLY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        writer.close()

    outcome = await measured(last, [0.0, 0.01, 0.02], connections=1)
    assert (outcome.bad, len(outcome.took)) == (0, 3)
    assert outcome.reopened >= 2


async def test_a_generator_that_is_late_by_itself_says_so() -> None:
    async def blocks(writer: asyncio.StreamWriter) -> None:
        end = monotonic() + 0.02
        while monotonic() < end:  # the service shares the generator's loop here: the clock rings late
            pass
        writer.write(REPLY)

    outcome = await measured(blocks, list(even(200, 0.1)), connections=20)
    assert not outcome.kept
    assert outcome.summary()["lag_ms"]["p99"] > 1


def test_percentiles_are_the_samples_themselves() -> None:
    took = [number / 1000 for number in range(1, 1001)]
    assert percentiles(took) == pytest.approx(
        {"p50": 500.0, "p90": 900.0, "p99": 990.0, "p99.9": 999.0, "max": 1000.0}
    )
    assert percentiles([]) == {}
