"""Notices when something blocks the loop, and names the stage that did it.

The worker's sweep leaves a heartbeat; a thread looks at it, and when it is older than the threshold, at the frames
of the loop's thread. The innermost frame that belongs to a stage is to blame. One line is logged when the loop moves
again. Nothing happens on the request path. A stage that blocks while it holds the interpreter's lock (a regular
expression that explodes) is seen when it lets go.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections import Counter
from collections.abc import Callable
from time import monotonic
from types import CodeType, FrameType
from typing import Any

from .log import Log
from .metrics import Counter as CounterFamily

GATEWAY = "gateway"


class StageMap:
    """Which code belongs to which stage: filled when chains are compiled, read when the loop is stuck.

    A hook's own code decides first; what it calls in the module of its stage is found by the module.
    """

    def __init__(self) -> None:
        self._codes: dict[CodeType, str] = {}
        self._modules: dict[str, str] = {}

    def add(self, key: str, *hooks: Callable[..., Any] | None, module: str = "") -> None:
        """Note the hooks of the stage `key`, and the module that it lives in."""
        for hook in hooks:
            code = None if hook is None else _code(hook)
            if code is not None:
                self._codes[code] = key
        if module:
            self._modules[module] = key

    def stage(self, frame: FrameType) -> str | None:
        """The stage that a frame belongs to."""
        key = self._codes.get(frame.f_code)
        return key if key is not None else self._modules.get(frame.f_globals.get("__name__", ""))

    def __repr__(self) -> str:
        return f"<StageMap {len(self._codes)} hooks, {len(self._modules)} modules>"


def blame(frame: FrameType | None, stages: StageMap) -> tuple[str, str]:
    """The stage that runs in a thread whose innermost frame this is, and where: in the stage, and innermost."""
    inmost = frame
    while frame is not None:
        key = stages.stage(frame)
        if key is not None:
            at = _place(frame)
            return key, at if frame is inmost else f"{at} in {_place(inmost)}"
        frame = frame.f_back
    return GATEWAY, _place(inmost)


class StallWatch:
    """Watches one loop. `threshold_s` is how long a turn may take; `beat` is set by the sweep, more often than that.

    `stalls` is the family `portico_loop_stalls_total`.
    """

    def __init__(
        self, threshold_s: float, stages: StageMap, log: Log, stalls: CounterFamily | None = None
    ) -> None:
        self.beat = 0.0  # monotonic seconds
        self.threshold_s = threshold_s
        self._stages = stages
        self._log = log
        self._stalls = stalls
        self._watched = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch the calling thread, which runs the loop."""
        self.beat = monotonic()
        self._watched = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="stall watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch; returns when its thread has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        samples: Counter[tuple[str, str]] = Counter()
        stuck_since = 0.0
        # Four looks per threshold: a stall is noticed when it has lasted at most a quarter longer.
        while not self._stop.wait(self.threshold_s / 4):
            beat = self.beat
            if samples and beat != stuck_since:
                self._report(samples, beat - stuck_since)
                samples.clear()
            if monotonic() - beat > self.threshold_s:
                stuck_since = beat
                samples[blame(sys._current_frames().get(self._watched), self._stages)] += 1
        if samples:
            self._report(samples, monotonic() - stuck_since)

    def _report(self, samples: Counter[tuple[str, str]], seconds: float) -> None:
        (stage, place), _ = samples.most_common(1)[0]
        if self._stalls is not None:
            self._stalls.labels(stage).value += 1
        self._log.say(
            "warn",
            f"{stage} blocked the loop",
            "performance",
            {"metric": "stall", "stage": stage, "at": place, "blockedMs": round(seconds * 1000)},
        )

    def __repr__(self) -> str:
        return f"<StallWatch {self.threshold_s} s, last beat {monotonic() - self.beat:.3f} s ago>"


def _code(hook: Callable[..., Any]) -> CodeType | None:
    while isinstance(hook, functools.partial):
        hook = hook.func
    hook = getattr(hook, "__wrapped__", hook)
    hook = getattr(hook, "__func__", hook)
    code = getattr(hook, "__code__", None)
    if code is None:
        code = getattr(type(hook).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _place(frame: FrameType | None) -> str:
    if frame is None:
        return "?"
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} ({code.co_name})"
