"""What a name on the command line stands for, and what is said when it stands for nothing."""

import os
from pathlib import Path

import pytest

from portico.cli.configuration import find_file
from portico.cli.trouble import CONFIGURATION, Trouble
from tests.unit.cli.command import portico

PSA = str(Path(__file__).parents[3] / "profiles" / "psa.yaml")


@pytest.mark.parametrize("written", ["psa", "psa.yaml", "profiles/psa.yaml"])
def test_a_profile_is_known_by_its_name_wherever_one_is(written: str) -> None:
    assert find_file(written) == PSA


def test_a_profile_below_the_working_folder_is_shown_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(PSA).parents[1])
    assert find_file("psa") == "profiles/psa.yaml"


def test_a_file_wins_over_a_profile_and_a_folder_does_not(here: Path) -> None:
    (here / "psa").mkdir()
    assert find_file("psa") == PSA
    (here / "psa.yaml").touch()
    assert find_file("psa.yaml") == "psa.yaml"


def test_a_pipe_is_a_file(here: Path) -> None:
    os.mkfifo(here / "pipe")
    assert find_file("pipe") == "pipe"


OTHERS = "check the name, or name a profile: hub, psa, tickettoken"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("nowhere.yaml", f"there is no file nowhere.yaml – {OTHERS}"),
        ("other/psa.yaml", f"there is no file other/psa.yaml – {OTHERS}"),
        ("folder", "folder is a folder – name a file in it"),
    ],
)
def test_what_is_nowhere(here: Path, written: str, said: str) -> None:
    (here / "folder").mkdir()
    with pytest.raises(Trouble) as trouble:
        find_file(written)
    assert trouble.value.lines == (said,)
    assert trouble.value.code == CONFIGURATION


@pytest.mark.parametrize("command", ["run", "check", "routes", "token", "explain GET /"])
def test_every_command_that_reads_a_file_says_so(here: Path, command: str) -> None:
    (here / "portico.yaml").unlink()
    done = portico(*command.split())
    assert done.code == 2
    assert done.err.startswith('there is no file portico.yaml – write a first one with "portico init"')
    assert done.out == ""


@pytest.mark.parametrize("command", ["run", "check", "routes", "token", "explain GET /"])
def test_every_problem_is_told_on_standard_error(here: Path, command: str) -> None:
    file = here / "portico.yaml"
    file.write_text(file.read_text().replace("service: tickets}", "service: tikets}").replace("role", "rule"))
    done = portico(*command.split())
    assert done.code == 2
    assert 'unknown service "tikets" – did you mean "tickets"?' in done.err
    assert "portico.yaml:5:1: rules: unknown key" in done.err
    assert done.out == ""


def test_a_file_that_cannot_be_read(here: Path) -> None:
    (here / "file").touch()
    done = portico("check", "file/portico.yaml")
    assert done.code == 2
    assert "there is no file file/portico.yaml" in done.err
