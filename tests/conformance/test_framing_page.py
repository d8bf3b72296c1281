"""docs/framing.md names its cases; each of them is there."""

import re
from fnmatch import filter as matching
from pathlib import Path

from . import accepted, refused, replies, smuggling

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "framing.md"


def test_every_case_that_the_page_names_is_there() -> None:
    known = [case.id for case in accepted.CASES + refused.CASES + smuggling.CASES]
    known += [exchange.id for exchange in replies.EXCHANGES]
    for name in ("test_conversations.py", "test_tunnels.py"):
        known += re.findall(r"^async def (test_\w+)", (HERE / name).read_text("utf-8"), re.MULTILINE)
    rows = [line.rsplit("|", 2)[1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(named) > 100
    assert [name for name in named if not matching(known, name)] == []
