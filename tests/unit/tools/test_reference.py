"""The reference page: as the schema is now, and with a meaning for every key."""

from tools.reference import PAGE, reference


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: make docs"


def test_every_key_has_a_meaning() -> None:
    lines = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(lines) > 100
    assert [line for line in lines if line.endswith("|  |")] == []
