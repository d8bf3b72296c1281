"""What holds for every test: the real event loop, how hard properties try, who shares a process, and a last resort."""

import faulthandler
import os
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

import hypothesis
import pytest
import uvloop
from xdist.scheduler import LoadGroupScheduling

# No deadline: a property is never a speed test. CI judges the change and not its luck, so it draws the same
# examples each time; everywhere else they are fresh. `deep` is for a night; `mutants` wants a verdict, and
# the same one each time, not the smallest counter-example.
_MODEST = hypothesis.settings(
    deadline=None, max_examples=100, print_blob=True, database=None, derandomize="CI" in os.environ
)
hypothesis.settings.register_profile("portico", _MODEST)
hypothesis.settings.register_profile("deep", _MODEST, max_examples=5_000, derandomize=False)
hypothesis.settings.register_profile(
    "mutants", _MODEST, derandomize=True, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate]
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "portico"))


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Run asynchronous tests on uvloop, as the gateway does."""
    return {"uvloop": uvloop.new_event_loop}


_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the true standard error, for what is said when the one of the tests is captured."""
    config.stash[_STDERR] = os.dup(2)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Go on watching: pytest calls its watch off when a test has failed, but cleaning up after it can hang too."""
    patience_s = float(node.config.getini("faulthandler_timeout"))
    faulthandler.dump_traceback_later(patience_s, exit=True, file=node.config.stash[_STDERR])


class ByGroupOrFile(LoadGroupScheduling):  # type: ignore[misc]  # xdist has no types
    """Keep together what is marked as one group, and else the tests of one file: what they share starts once."""

    def _split_scope(self, nodeid: str) -> str:
        return str(super()._split_scope(nodeid)).partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroupOrFile:
    """Say who shares a process; `--dist loadgroup` is what lets the marks reach it."""
    return ByGroupOrFile(config, log)
