"""Who blocked the loop: found by the frames of a real thread."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from portico.exchange.exchange import Exchange
from portico.observe.families import Metrics
from portico.observe.log import Log
from portico.observe.stall import StageMap, StallWatch, blame
from portico.observe.writer import LogWriter


class Kept:
    """A sink that keeps what it is sent, and says when."""

    stream = False

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.told = threading.Event()

    def send(self, data: bytes) -> int:
        self.lines += [json.loads(line) for line in data.splitlines()]
        self.told.set()
        return len(data)

    def wait(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


def innocent(then: Callable[[], None]) -> None:
    then()


class Hook:
    """A stage's hook as a method."""

    def on_request(self, x: Exchange | None) -> None:
        self.frame = sys._getframe()

    def __call__(self, x: Exchange | None) -> None:
        self.frame = sys._getframe()


async def waiting_hook(x: Exchange | None) -> None:
    frames.append(sys._getframe())


frames: list[Any] = []


def test_a_frame_is_known_by_the_code_of_its_hook() -> None:
    stages = StageMap()
    hook, callable_hook = Hook(), Hook()
    stages.add("method", hook.on_request, None)
    stages.add("object", callable_hook)
    stages.add("coroutine", functools.partial(waiting_hook))
    hook.on_request(None)
    callable_hook(None)
    asyncio.run(waiting_hook(None))
    assert blame(hook.frame, stages)[0] == "method"
    assert blame(callable_hook.frame, stages)[0] == "object"
    assert blame(frames[0], stages)[0] == "coroutine"


def test_what_a_stage_calls_is_its_own_doing() -> None:
    found: list[tuple[str, str]] = []
    stages = StageMap()

    def on_request() -> None:
        innocent(lambda: found.append(blame(sys._getframe(1), stages)))

    stages.add("slow_stage", on_request)
    on_request()
    stage, place = found[0]
    assert stage == "slow_stage"
    assert "(on_request) in " in place
    assert place.endswith("(innocent)")


def test_a_module_names_its_stage_where_no_hook_does() -> None:
    stages = StageMap()
    stages.add("by_module", module=__name__)
    assert blame(sys._getframe(), stages)[0] == "by_module"
    stages.add("by_code", test_a_module_names_its_stage_where_no_hook_does)
    assert blame(sys._getframe(), stages)[0] == "by_code"


def test_what_belongs_to_no_stage_is_the_gateways() -> None:
    stage, place = blame(sys._getframe(), StageMap())
    assert stage == "gateway"
    assert "test_stall.py" in place
    assert blame(None, StageMap()) == ("gateway", "?")


def blocking(until: threading.Event, limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not until.is_set() and time.monotonic() < end:
        pass


def watched(stages: StageMap, block: Callable[[], None]) -> tuple[Kept, Metrics]:
    sink, metrics = Kept(), Metrics()
    watch = StallWatch(0.02, stages, Log(LogWriter("x", sink=sink)), metrics.stalls)
    watch.start()
    try:
        block()
        watch.beat = time.monotonic()
        assert sink.told.wait(30)
    finally:
        watch.stop()
    return sink, metrics


def test_a_stall_is_one_line_and_one_count_when_it_is_over() -> None:
    stages = StageMap()

    def on_request() -> None:
        blocking(threading.Event(), 0.3)

    stages.add("slow_stage", on_request)
    sink, metrics = watched(stages, on_request)
    line = sink.lines[0]
    assert (line["level"], line["context"], line["metric"]) == ("warn", "performance", "stall")
    assert line["stage"] == "slow_stage"
    assert "test_stall.py" in line["at"]
    assert line["blockedMs"] >= 300
    assert metrics.stalls.labels("slow_stage").value >= 1


def test_a_stall_that_never_ends_is_told_when_the_watch_ends() -> None:
    sink = Kept()
    watch = StallWatch(0.01, StageMap(), Log(LogWriter("x", sink=sink)))
    seen = threading.Event()
    stages = watch._stages
    find = stages.stage

    def note(frame: Any) -> str | None:
        seen.set()
        return find(frame)

    stages.stage = note  # type: ignore[method-assign]
    watch.start()
    assert seen.wait(30)
    watch.stop()
    assert sink.lines[-1]["stage"] == "gateway"


def test_a_loop_that_beats_is_left_in_peace() -> None:
    sink = Kept()
    watch = StallWatch(60, StageMap(), Log(LogWriter("x", sink=sink)))
    watch.start()
    watch.stop()
    watch.stop()
    assert sink.lines == []
    assert "60 s" in repr(watch)
