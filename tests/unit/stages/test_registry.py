"""The plug-in door: stages of installed packages and of the configuration, and what is said of those that fail."""

from __future__ import annotations

import itertools
import pathlib
import sys
from collections.abc import Iterator

import pytest

from portico.config.loaded import load_settings_text
from portico.config.problems import ConfigurationError
from portico.exchange.stage import Stage
from portico.stages import BUILT_IN, StageError, load_stage, load_stages, stage_types

GOOD = """
from portico.plugin import Hooks, Phase, SettingsModel, Stage

class Settings(SettingsModel):
    text: str = "hello"

class Stamp(Stage[Settings]):
    key = "{key}"
    phase = Phase.ANSWER
    settings = Settings

    def compile(self, settings, site):
        return Hooks(reply_fields=((b"x-stamp", settings.text.encode()),))
"""


class Elsewhere:
    """A folder on the import path in which a stranger's packages are installed."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def module(self, name: str, text: str) -> None:
        self._folder.joinpath(f"{name}.py").write_text(text)

    def package(self, name: str, **points: str) -> None:
        """What an installer writes for a package with these entry points."""
        info = self._folder / f"{name}-1.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{point} = {value}\n" for point, value in points.items())
        info.joinpath("entry_points.txt").write_text(f"[portico.stages]\n{lines}")


@pytest.fixture
def elsewhere(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Elsewhere(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(*extra: str) -> str:
    with pytest.raises(StageError) as caught:
        load_stages(extra)
    return str(caught.value)


def test_built_in_stages_come_through_the_same_door() -> None:
    stages = load_stages()
    assert set(stages) == {kind.key for kind in BUILT_IN}
    for kind in BUILT_IN:
        assert issubclass(kind, Stage)
        assert kind.summary


def test_stages_without_settings_have_no_key_to_write() -> None:
    types = stage_types(load_stages())
    assert {"authenticate", "authorize", "security_headers"} <= set(types)
    assert None not in types.values()
    assert "metrics" not in types


def test_installed_stage_is_found_by_its_entry_point(elsewhere: Elsewhere) -> None:
    elsewhere.module("stamping", GOOD.format(key="stamp"))
    elsewhere.package("stamping", stamp="stamping:Stamp")
    assert type(load_stages()["stamp"]).__module__ == "stamping"


def test_named_stage_needs_no_package(elsewhere: Elsewhere) -> None:
    elsewhere.module("stamping", GOOD.format(key="stamp"))
    assert "stamp" in load_stages(["stamping:Stamp"])
    assert "stamp" not in load_stages()


def test_stage_that_is_installed_and_named_is_one(elsewhere: Elsewhere) -> None:
    elsewhere.module("stamping", GOOD.format(key="stamp"))
    elsewhere.package("stamping", stamp="stamping:Stamp")
    assert "stamp" in load_stages(["stamping:Stamp"])


def test_two_stages_with_one_key_are_refused(elsewhere: Elsewhere) -> None:
    for name in ("first", "second"):
        elsewhere.module(name, GOOD.format(key="stamp"))
        elsewhere.package(f"the_{name}", stamp=f"{name}:Stamp")
    text = refusal()
    assert text.startswith("both the package the_")
    assert text.endswith('bring a stage "stamp"')


def test_no_package_replaces_a_built_in_stage(elsewhere: Elsewhere) -> None:
    elsewhere.module("stamping", GOOD.format(key="authenticate"))
    assert 'cannot have the key "authenticate": it is that of a built-in stage' in refusal("stamping:Stamp")
    assert "authenticate" in load_stages(["portico.stages.authenticate:AuthenticateStage"])


def test_every_problem_is_told_at_once(elsewhere: Elsewhere) -> None:
    elsewhere.package("broken", one="nowhere:Stage", two="json:dumps")
    assert refusal("x").splitlines() == [
        "a stage of the package broken cannot be used: there is no module nowhere: is its package installed here?",
        "a stage of the package broken cannot be used: json:dumps is no stage: "
        "a stage is a class that derives from portico.plugin.Stage",
        'a stage of the configuration cannot be used: "x" names no class: write package.module:Class',
    ]


COUNT = itertools.count()


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        (GOOD.format(key="stamp"), "Stmp", '{module} has no Stmp – did you mean "Stamp"?'),
        (GOOD.format(key="stamp"), "Stage", "is no stage"),
        (GOOD.format(key="stamp"), "Settings", "is no stage"),
        ("Stamp = 3", "Stamp", "is no stage"),
        ("1 / 0", "Stamp", "{module} cannot be imported: ZeroDivisionError: division by zero"),
        ("import nowhere", "Stamp", "{module} needs the module nowhere, which is not installed"),
        ("this is no Python", "Stamp", "{module} cannot be imported: SyntaxError"),
        (GOOD.format(key="Stamp It"), "Stamp", 'has no usable key: write key = "lower_case_name"'),
        (GOOD.replace('key = "{key}"', ""), "Stamp", "has no usable key"),
        (GOOD.format(key="timeout"), "Stamp", 'cannot have the key "timeout": every route has it already'),
        (GOOD.format(key="match"), "Stamp", 'cannot have the key "match"'),
        (GOOD.format(key="stages"), "Stamp", 'cannot have the key "stages"'),
        (GOOD.format(key="stamp").replace("phase = Phase.ANSWER", ""), "Stamp", "has no phase"),
        (GOOD.format(key="stamp").replace("Phase.ANSWER", '"answer"'), "Stamp", "has no phase"),
        (GOOD.format(key="stamp").replace("settings = Settings", ""), "Stamp", "has no settings"),
        (
            GOOD.format(key="stamp").replace("settings = Settings", "settings = type('Plain', (), {})"),
            "Stamp",
            "the settings of {module}:Stamp are no type that pydantic knows",
        ),
        (
            GOOD.format(key="stamp") + "\n    def __init__(self):\n        raise OSError('no')\n",
            "Stamp",
            "{module}:Stamp cannot be made: OSError: no",
        ),
    ],
)
def test_stage_that_cannot_be_used_is_explained(
    elsewhere: Elsewhere, text: str, name: str, reason: str
) -> None:
    module = f"stranger_{next(COUNT)}"
    elsewhere.module(module, text)
    with pytest.raises(StageError) as caught:
        load_stage(f"{module}:{name}")
    assert reason.format(module=module) in str(caught.value)


@pytest.mark.parametrize(
    "reference", ["", "a", "a.b", ":B", "a:", "a:b:c", "a b:C", "../a:B", "a:B()", "a..b:C"]
)
def test_reference_that_names_no_class_is_refused(reference: str) -> None:
    with pytest.raises(StageError, match=r"names no class: write package\.module:Class"):
        load_stage(reference)


def test_configuration_names_stages_and_their_settings_are_checked(elsewhere: Elsewhere) -> None:
    elsewhere.module("stamping", GOOD.format(key="stamp"))
    text = """
version: 1
stages: ["stamping:Stamp"]
services: {one: {url: "http://127.0.0.1:1"}}
routes: [{match: /, service: one, authenticate: none, stamp: {text: %s}}]
"""

    def plugin(reference: str) -> tuple[str, object]:
        stage = load_stage(reference)
        return stage.key, stage.settings

    loaded = load_settings_text(text % "hi", stage_types(load_stages()), plugin=plugin)
    assert loaded.settings.routes[0].stages["stamp"].text == "hi"
    with pytest.raises(ConfigurationError, match=r"routes\[0\].stamp.text"):
        load_settings_text(text % "[]", stage_types(load_stages()), plugin=plugin)
