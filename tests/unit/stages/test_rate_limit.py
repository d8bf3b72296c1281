"""The stage `rate_limit` on one route: who is refused, what is told, what is counted."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from portico.exchange.failure import Failure
from portico.exchange.identity import Identity
from portico.exchange.reply import Reply
from portico.exchange.stage import Hooks, Phase
from tests.unit.stages.site import Route, exchange

PER_IP = {"allow": "2/min", "per": "ip"}
PER_USER = {"allow": "3/min", "per": "user"}


def route(folder: pathlib.Path, *limits: dict[str, Any], headers: str = "draft") -> Route:
    return Route(folder, "rate_limit", list(limits), f"gateway: {{rate_limits: {{headers: {headers}}}}}")


def hooks(made: Route) -> Hooks:
    found = made.compile()
    assert found is not None
    return found


def judge(
    found: Hooks, now: float, identity: Identity | None = None, client: bytes = b"192.0.2.7"
) -> tuple[Failure | None, bytes]:
    """The verdict over all phases, and what the reply would tell."""
    x = exchange(now=now, identity=identity)
    x.client = client
    failure: Failure | None = None
    part: Hooks | None = found
    while part is not None and failure is None:
        assert part.on_request is not None
        verdict = part.on_request(x)
        assert verdict is None or isinstance(verdict, Failure)
        failure, part = verdict, part.then
    reply = Reply(200)
    if found.on_reply is not None:
        found.on_reply(x, reply)
    return failure, reply.lines


def exceeded(made: Route) -> dict[tuple[str, ...], float]:
    children = made.metrics.limits_exceeded.snapshot()["children"]
    return {tuple(labels): numbers[0] for labels, numbers in children if numbers[0]}


def test_the_refused_learn_why_and_until_when(tmp_path: pathlib.Path) -> None:
    made = route(tmp_path, PER_IP)
    found = hooks(made)
    assert judge(found, 100.0) == (None, b'ratelimit: "ip";r=1;t=30\r\n')
    assert judge(found, 100.0) == (None, b'ratelimit: "ip";r=0;t=60\r\n')
    failure, told = judge(found, 100.5)
    assert failure is not None
    assert (failure.code, failure.status) == ("RATE_LIMIT_ERROR", 429)
    assert failure.fields == ((b"retry-after", b"30"),)
    assert told == b'ratelimit: "ip";r=0;t=30\r\n'
    assert failure.detail == "the limit ip (2/min per ip)"
    assert judge(found, 100.5, client=b"192.0.2.8")[0] is None
    assert judge(found, 130.0)[0] is None
    assert found.reply_fields == ((b"ratelimit-policy", b'"ip";q=2;w=60'),)


def test_identity_is_needed_later_than_an_address(tmp_path: pathlib.Path) -> None:
    found = hooks(route(tmp_path, PER_USER, PER_IP))
    assert found.phase is Phase.ADMIT
    assert found.then is not None
    assert found.then.phase is Phase.METER
    assert (found.summary, found.then.summary) == ("2/min per ip", "3/min per user")
    ada = Identity("7", "users", "jwt", tenant="t-1")
    assert judge(found, 1.0, ada)[1] == b'ratelimit: "ip";r=1;t=30, "user";r=2;t=20\r\n'
    alone = hooks(route(tmp_path, PER_USER))
    assert (alone.phase, alone.then) == (Phase.METER, None)
    assert alone.on_reply is not None


def test_within_a_phase_all_count_or_none(tmp_path: pathlib.Path) -> None:
    found = hooks(route(tmp_path, {"allow": "5/min", "per": "global"}, {"allow": "1/min", "per": "ip"}))
    for _ in range(4):
        judge(found, 1.0)
    # Three refusals have cost the limit for everybody nothing.
    assert judge(found, 1.0, client=b"192.0.2.8")[1] == b'ratelimit: "global";r=3;t=24, "ip";r=0;t=60\r\n'


def test_the_longest_wait_is_told(tmp_path: pathlib.Path) -> None:
    found = hooks(route(tmp_path, {"allow": "1/min", "per": "global"}, {"allow": "1/h", "per": "ip"}))
    judge(found, 1.0)
    failure, _ = judge(found, 1.0)
    assert failure is not None
    assert failure.fields == ((b"retry-after", b"3600"),)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ("older", b"ratelimit-limit: 2\r\nratelimit-remaining: 1\r\nratelimit-reset: 30\r\n"),
        ("x", b"x-ratelimit-limit: 2\r\nx-ratelimit-remaining: 1\r\nx-ratelimit-reset: 30\r\n"),
        (
            "[draft, x]",
            b'ratelimit: "global";r=8;t=7, "ip";r=1;t=30\r\n'
            b"x-ratelimit-limit: 2\r\nx-ratelimit-remaining: 1\r\nx-ratelimit-reset: 30\r\n",
        ),
    ],
)
def test_older_clients_hear_of_the_limit_that_leaves_least(
    tmp_path: pathlib.Path, headers: str, told: bytes
) -> None:
    found = hooks(route(tmp_path, {"allow": "9/min", "per": "global"}, PER_IP, headers=headers))
    assert judge(found, 1.0)[1] == told
    names = {line.partition(b":")[0] for line in told.splitlines()}
    assert found.owns == names


def test_headers_can_be_off(tmp_path: pathlib.Path) -> None:
    found = hooks(route(tmp_path, PER_IP, headers="off"))
    assert (found.on_reply, found.reply_fields, found.owns) == (None, (), frozenset())


def test_a_reporting_limit_refuses_nobody_and_tells_nobody(tmp_path: pathlib.Path) -> None:
    made = route(
        tmp_path, {"allow": "1/min", "per": "ip", "mode": "report"}, {"allow": "3/min", "per": "global"}
    )
    found = hooks(made)
    assert [judge(found, 1.0)[0] is None for _ in range(4)] == [True, True, True, False]
    assert found.reply_fields == ((b"ratelimit-policy", b'"global";q=3;w=60'),)
    assert exceeded(made) == {("ip", "/tickets/**", "false"): 2.0, ("global", "/tickets/**", "true"): 1.0}
    only = route(tmp_path, {"allow": "1/min", "per": "user", "mode": "report"})
    assert hooks(only).on_reply is None
    assert made.explain() == "1/min per ip, reported only; 3/min per global"


def test_a_flood_is_worth_a_line_a_second(tmp_path: pathlib.Path) -> None:
    made = route(tmp_path, {"allow": "1/h", "per": "ip"})
    found = hooks(made)
    for number in range(41):
        judge(found, 100.0 + number / 20)
    assert [(line["event"], line["severity"], line["limit"], line["refused"]) for line in made.audit()] == [
        ("rate_limit_exceeded", "medium", "ip", 1),
        ("rate_limit_exceeded", "medium", "ip", 20),
    ]
    assert exceeded(made) == {("ip", "/tickets/**", "true"): 40.0}


def test_names_tell_limits_apart(tmp_path: pathlib.Path) -> None:
    made = route(
        tmp_path, {"allow": "5/s", "per": "ip"}, {"allow": "100/min", "per": "ip", "burst": 10}, PER_USER
    )
    assert hooks(made).reply_fields == (
        (b"ratelimit-policy", b'"5/s per ip";q=5;w=1, "100/min per ip";q=100;w=60, "user";q=3;w=60'),
    )
    assert made.explain() == "5/s per ip; 100/min per ip, 10 at once; 3/min per user"
    twice = route(tmp_path, PER_IP, PER_IP)
    assert twice.problems() == [
        'routes[0].rate_limit[1]: two limits of this list are called "2/min per ip" – give one another name'
    ]
    named = route(tmp_path, {**PER_IP, "name": "a"}, {**PER_USER, "name": "a"})
    assert named.problems() == [
        'routes[0].rate_limit[1]: two limits of this list are called "a" – give one another name',
        'routes[0].rate_limit[1].name: the limit "a" is written in another way too (2/min per ip) – limits of one '
        "name count together: give one another name",
    ]


def test_off_is_off(tmp_path: pathlib.Path) -> None:
    made = Route(tmp_path, "rate_limit", "off", "")
    assert made.compile() is None
    assert made.explain() == "off"


def test_leaving_a_header_out_is_no_way_around(tmp_path: pathlib.Path) -> None:
    found = hooks(route(tmp_path, {"allow": "1/h", "per": "header:X-Client"}))
    assert [judge(found, 1.0)[0] is None for _ in range(2)] == [True, False]
