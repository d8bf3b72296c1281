"""The control channel, over a real socket pair."""

import asyncio
import socket

from portico.config import load_settings_text
from portico.process.generation import ROUTES_PER_FRAME, Generation
from portico.process.messages import (
    NEWS_LIMIT_BYTES,
    Beat,
    Link,
    Message,
    News,
    Prepare,
    RoutesPart,
    SettingsPart,
    Snapshot,
)
from portico.process.plan import Plan


async def _pair() -> tuple[Link, Link]:
    one, other = socket.socketpair()
    return await Link.over(one), await Link.over(other)


async def test_messages_arrive_whole_and_in_order() -> None:
    one, other = await _pair()
    sent: list[Message] = [
        Beat(),
        Snapshot({"metrics": "x" * 1_000_000}),
        News({"breaker": "tickets"}),
        Beat(),
    ]
    for message in sent:
        one.send(message)
    assert [await other.receive() for _ in sent] == sent
    await one.close()
    await other.close()


async def test_the_end_of_the_peer_is_none_also_in_the_middle_of_a_message() -> None:
    ours, theirs = socket.socketpair()
    link = await Link.over(ours)
    theirs.sendall(b"\x00\x00\x01\x00half of it")
    theirs.close()
    assert await link.receive() is None
    link.send(Beat())  # to nobody, and no trouble
    await link.close()


async def test_news_for_a_peer_that_does_not_read_are_dropped_and_orders_are_not() -> None:
    ours, theirs = socket.socketpair()
    link = await Link.over(ours)
    news = News({"text": "x" * 100_000})
    for _ in range(100):
        link.send_news(news)
    assert 0 < link.dropped < 100
    link.send(Beat())
    other = await Link.over(theirs)
    received = []
    while (message := await other.receive()) != Beat():
        received.append(message)
    assert len(received) == 100 - link.dropped
    assert len(received) * 100_000 < NEWS_LIMIT_BYTES + 1_000_000
    await other.close()
    await link.close()


async def test_a_generation_travels_in_small_pieces_and_arrives_whole() -> None:
    routes = "\n".join(
        f"  - {{match: /r{number}, service: app}}" for number in range(3 * ROUTES_PER_FRAME + 1)
    )
    text = f"version: 1\nservices: {{app: {{url: 'http://127.0.0.1:1'}}}}\nroutes:\n{routes}\n"
    settings = load_settings_text(text, {}, required=()).settings
    generation = Generation(7, Plan.of(settings), {"app": "/run/app.sock"})
    one, other = await _pair()
    for frame in generation.frames:
        one.send_frame(frame)
    async with asyncio.timeout(10):
        first, *middle, last = [await other.receive() for _ in generation.frames]
    await one.close()
    await other.close()
    assert isinstance(first, SettingsPart)
    assert first.settings.routes == ()
    parts = [part for part in middle if isinstance(part, RoutesPart)]
    assert [len(part.routes) for part in parts] == [ROUTES_PER_FRAME] * 3 + [1]
    assert sum((part.routes for part in parts), ()) == settings.routes
    assert last == Prepare(7, {"app": "/run/app.sock"}, settings.gateway.shutdown.grace)
