"""What a person may write behind `make bench`, and where the results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import RESULTS, main, parsed
from bench.peers import PEERS
from bench.scenarios import SCENARIOS


def test_nothing_written_means_everything() -> None:
    options = parsed(["--peers", "", "--scenarios", ""])
    assert [peer.name for peer in options.peers] == [peer.name for peer in PEERS]
    assert [scenario.NAME for scenario in options.scenarios] == list(SCENARIOS)
    assert (options.rounds, options.seconds, options.out) == (5, 4, RESULTS)


def test_groups_and_names_choose_peers_in_the_order_of_the_table() -> None:
    options = parsed(["--peers", "envoy-bare portico nginx", "--scenarios", "post get", "--rounds", "7"])
    names = [peer.name for peer in options.peers]
    assert names == ["nginx", "portico-bare", "envoy-bare", "portico-everything"]
    assert [scenario.NAME for scenario in options.scenarios] == ["get", "post"]
    assert options.rounds == 7


@pytest.mark.parametrize("arguments", [["--peers", "nginx"], ["--scenarios", "get"], ["--rounds", "1"]])
def test_a_part_of_it_does_not_replace_the_results(arguments: list[str]) -> None:
    assert parsed(arguments).out == RESULTS / "partial"
    assert parsed([*arguments, "--out", "elsewhere"]).out == Path("elsewhere")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--peers", "nginks"], "no peer 'nginks'; there are: aiohttp, caddy,"),
        (["--scenarios", "got"], "no scenario 'got'; there are: get, post"),
        (["--rounds", "0"], "at least one round"),
        (["--seconds", "many"], "invalid int value"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(arguments)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_machine_without_the_tools_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--peers", "nginx"]) == 1
    assert "apt-get install nginx-light wrk util-linux" in capsys.readouterr().err
