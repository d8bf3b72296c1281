"""The application log: form, level, secrets, traces, and what comes through the standard library."""

from __future__ import annotations

import json
import logging
import pty
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from portico.observe.log import Bridge, Log, take_over, wants_colour
from portico.observe.text import printable
from portico.observe.writer import LogWriter


class Kept:
    """A sink that keeps what it is sent."""

    def __init__(self, stream: bool = False) -> None:
        self.stream = stream
        self.data = b""

    def send(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def wait(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.data.splitlines()]


def log_to(sink: Kept, level: str = "info", form: str = "json", redact: tuple[str, ...] = ()) -> Log:
    return Log(LogWriter("x", sink=sink), level, form, redact)


def test_a_line_has_level_time_context_and_message() -> None:
    sink = Kept()
    log_to(sink).say("warn", "it is late", "clock", {"hours": 3})
    (line,) = sink.lines()
    assert list(line) == ["level", "time", "context", "hours", "msg"]
    assert (line["level"], line["context"], line["hours"], line["msg"]) == ("warn", "clock", 3, "it is late")
    assert line["time"] > 1_600_000_000_000


def test_fields_cannot_take_the_place_of_the_head() -> None:
    sink = Kept()
    log_to(sink).say("info", "true", "true", {"level": "x", "time": 1, "msg": "x", "context": "x"})
    (line,) = sink.lines()
    assert (line["level"], line["msg"], line["context"]) == ("info", "true", "true")
    assert line["time"] > 1


def test_only_the_level_and_above_is_written() -> None:
    order = ["trace", "debug", "info", "warn", "error", "fatal"]
    for place, level in enumerate(order):
        sink = Kept()
        log = log_to(sink, level)
        for name in order:
            log.say(name, name, "x", {})
        assert [line["msg"] for line in sink.lines()] == order[place:]


def test_secrets_are_hidden_in_fields_and_in_the_message() -> None:
    sink = Kept()
    log_to(sink, redact=("shoeSize",)).say(
        "info", "GET /x?password=1", "x", {"shoe_size": 46, "user": {"cookie": "y"}}
    )
    (line,) = sink.lines()
    assert line["shoe_size"] == "[redacted]"
    assert line["user"] == {"cookie": "[redacted]"}
    assert line["msg"] == "GET /x?password=[redacted]"


def test_an_error_brings_its_stack_and_hides_secrets_in_it() -> None:
    sink = Kept()
    try:
        raise ValueError("http://h/?token=abc\nsecond line")
    except ValueError as error:
        log_to(sink).say("error", "it broke", "x", {}, error)
    (line,) = sink.lines()
    assert line["err"]["type"] == "ValueError"
    assert "test_log.py" in line["err"]["stack"]
    assert "abc" not in str(line)


def test_in_a_pipe_the_end_of_a_long_stack_survives() -> None:
    sink = Kept(stream=True)
    writer = LogWriter("x", sink=sink)
    error = ValueError("x" * 9000 + "the end")
    Log(writer).say("error", "it broke", "x", {}, error)
    (line,) = sink.lines()
    assert "the end" in line["err"]["stack"]
    assert len(sink.data) <= 4096


def test_coloured_lines_are_for_people_and_cannot_be_forged() -> None:
    sink = Kept()
    log = log_to(sink, form="color")
    log.say("error", "first\nFATAL forged \x1b[2J", "x\x1b", {"na\nme": "va\rlue", "none": None})
    log.say("error", "broke", "x", {}, ValueError("one\n12:00:00 FATAL forged"))
    text = sink.data.decode()
    assert "ERROR" in text
    for piece in ("\\n", "\\x1b[2J", "va\\rlue"):
        assert piece in text
    assert "none" not in text
    for line in text.splitlines():
        assert line.startswith("\x1b[2m")
        assert "ERROR" in line


def test_printable_shows_what_a_terminal_would_act_on() -> None:
    assert printable("grün \u202e\x9b\x7f\u2028\ud800") == "grün \\u202e\\x9b\\x7f\\u2028\\ud800"


def test_auto_is_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.isatty", lambda descriptor: descriptor == 2)
    assert wants_colour("auto", "stderr")
    assert not wants_colour("auto", "stdout")
    assert not wants_colour("auto", "/var/log/x")
    assert wants_colour("color", "/var/log/x")
    assert not wants_colour("json", "stderr")


def test_a_pseudo_terminal_counts_as_one() -> None:
    master, slave = pty.openpty()
    with open(slave, "wb"), open(master, "rb"):
        log = Log(LogWriter(f"/proc/self/fd/{slave}"), form="auto")
        assert not log.colour  # only the standard streams are asked
        log.say("info", "x", "x", {})
        log.close()


def test_what_json_cannot_hold_is_written_all_the_same() -> None:
    sink = Kept()
    log_to(sink).say(
        "info",
        "x",
        "x",
        {"a": object(), "b": 2**80, "c": float("inf"), "d": "\ud800", "e": b"\xff", "f": {1, 2}},
    )
    (line,) = sink.lines()
    assert line["b"] == 2**80
    assert line["c"] == "inf"
    assert line["d"] == "\ud800"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logging.captureWarnings(False)
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_the_standard_library_logs_through_it(root: logging.Logger) -> None:
    sink = Kept()
    take_over(log_to(sink, "debug"))
    logging.getLogger("portico.process").warning(
        "worker %d died", 3, extra={"requestId": "r1", "cookie": "x"}
    )
    logging.getLogger("portico").info("hello")
    logging.getLogger("uvicorn.error").debug("child %s", "up")
    line, gateway, child = sink.lines()
    assert line | {"time": 0} == {
        "level": "warn",
        "time": 0,
        "context": "process",
        "requestId": "r1",
        "cookie": "[redacted]",
        "msg": "worker 3 died",
    }
    assert (gateway["context"], child["context"], child["msg"]) == ("gateway", "uvicorn.error", "child up")


def test_exceptions_come_through_with_their_stack(root: logging.Logger) -> None:
    sink = Kept()
    take_over(log_to(sink))
    try:
        raise KeyError("k")
    except KeyError:
        logging.getLogger("portico").exception("a stage failed")
    (line,) = sink.lines()
    assert line["level"] == "error"
    assert line["err"]["type"] == "KeyError"


def test_a_format_that_does_not_fit_is_no_reason_to_fail(root: logging.Logger) -> None:
    sink = Kept()
    take_over(log_to(sink))
    logging.getLogger("x").warning("%d %d", "one")
    assert sink.lines()[0]["msg"] == "%d %d ('one',)"


def test_standard_levels_have_ours(root: logging.Logger) -> None:
    sink = Kept()
    take_over(log_to(sink, "trace"))
    for level in (5, 10, 20, 25, 30, 40, 50):
        logging.getLogger("x").log(level, "m")
    assert [line["level"] for line in sink.lines()] == [
        "trace",
        "debug",
        "info",
        "info",
        "warn",
        "error",
        "fatal",
    ]


def test_warnings_are_logged(root: logging.Logger) -> None:
    sink = Kept()
    take_over(log_to(sink))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old thing", UserWarning, stacklevel=1)
    assert "old thing" in sink.lines()[0]["msg"]


def test_a_reload_changes_the_settings() -> None:
    sink = Kept()
    log = log_to(sink)
    log.configure("error", "json", ["x"])
    log.say("warn", "a", "x", {})
    log.say("error", "b", "x", {"x": 1})
    (line,) = sink.lines()
    assert line["x"] == "[redacted]"
    assert isinstance(Bridge(log), logging.Handler)
