"""Every request of the tables: whole, in two pieces at every point, byte by byte, and with a good one behind it."""

import pytest

from . import accepted, refused, smuggling
from .case import Case, splittings
from .lanes import Lanes

CASES = accepted.CASES + refused.CASES + smuggling.CASES


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
async def test_request(lanes: Lanes, case: Case) -> None:
    runs: list[tuple[Case, list[bytes]]] = [(case, [case.data])]
    if not case.alone:
        followed = case.followed()
        runs.append((followed, [followed.data]))
        runs.append((followed, [case.data, followed.data[len(case.data) :]]))
    await lanes.run_all(runs)
    await lanes.run_all([(case, pieces) for pieces in splittings(case.data)])


def test_every_case_has_its_own_name() -> None:
    names = [case.id for case in CASES]
    assert len(names) == len(set(names))
