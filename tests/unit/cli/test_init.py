"""`portico init`."""

from pathlib import Path

from tests.unit.cli.command import portico


def test_the_first_file_is_good(here: Path) -> None:
    (here / "portico.yaml").unlink()
    done = portico("init")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Wrote portico.yaml. Edit the service's url in it, then: portico run\n"
    assert portico("check", env={"CLI_SECRET": None}).out.startswith("portico.yaml: good, with 1 route\n")
    assert len((here / "portico.yaml").read_text().splitlines()) < 30


def test_nothing_is_overwritten(here: Path) -> None:
    before = (here / "portico.yaml").read_text()
    done = portico("init")
    assert done.code == 1
    assert done.err == "portico.yaml exists already and is left as it is – name another file\n"
    assert (here / "portico.yaml").read_text() == before


def test_another_name(here: Path) -> None:
    assert portico("init", "other.yaml").out.endswith("portico run other.yaml\n")
    assert portico("check", "other.yaml").code == 0


def test_a_place_that_is_not_there() -> None:
    done = portico("init", "nowhere/portico.yaml")
    assert (done.code, done.err) == (1, "cannot write nowhere/portico.yaml: no such file or directory\n")
