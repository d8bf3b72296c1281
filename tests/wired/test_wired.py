"""Nothing configured is ignored: every key of the language makes a difference that somebody outside can see."""

import pytest

from tests.wired.harness import all_keys, check, unmatched
from tests.wired.rows import Row
from tests.wired.table import ROWS


def test_there_is_one_row_for_each_key() -> None:
    assert unmatched(ROWS, all_keys()) == []


@pytest.mark.parametrize("row", ROWS, ids=[row.key for row in ROWS])
async def test_makes_a_difference(row: Row) -> None:
    await check(row)
