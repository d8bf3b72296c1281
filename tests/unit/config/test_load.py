"""From text to a plain tree with places: structure, files, variables, and what is refused on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from portico.config import Mark, Written, load_file, load_text
from portico.config.tree import DEEPEST, MOST_ALIASED_VALUES


def reasons(written: Written) -> list[str]:
    return [problem.reason for problem in written.problems.found()]


def test_places_of_keys_and_values() -> None:
    written = load_text("version: 1\nroutes:\n  - match: /a\n    service:   b\n")
    marks = written.marks
    assert marks.at(("routes", 0, "service")) == Mark("portico.yaml", 4, 16)
    assert marks.key(("routes", 0, "service")) == Mark("portico.yaml", 4, 5)
    assert marks.at(("routes",)) == Mark("portico.yaml", 2, 1)
    assert marks.at(("routes", 0)) == Mark("portico.yaml", 3, 5)
    assert marks.at(("routes", 0, "absent", "deeper")) == marks.at(("routes", 0))
    assert marks.at(("routes", 7)) == marks.at(("routes",))
    assert marks.has(("routes", 0, "match"))
    assert not marks.has(("routes", 1))
    assert not marks.has(("routes", "match"))
    assert str(marks.at(("version",))) == "portico.yaml:1:10"


def test_scalars_are_yaml_1_2() -> None:
    written = load_text(
        "version: 1\na: {b: on, c: 22:22, d: no, e: ~, f: 'true', g: true, h: !!str 3}\n404: x\n"
    )
    assert written.tree == {
        "version": 1,
        "a": {"b": "on", "c": "22:22", "d": "no", "e": None, "f": "true", "g": True, "h": "3"},
        "404": "x",
    }
    assert reasons(written) == []


def test_block_scalars_and_quotes_hold_references_too() -> None:
    text = "version: 1\na: |\n  key ${K}\nb: \"${K}\"\nc: '${K}'\n"
    assert load_text(text, env={"K": "v: [1"}).tree == {
        "version": 1, "a": "key v: [1\n", "b": "v: [1", "c": "v: [1"
    }  # fmt: skip


def test_a_value_cannot_change_the_structure() -> None:
    written = load_text("version: 1\nlogs: ${L}\n", env={"L": "{level: debug}\nroles: {}"})
    assert written.tree["logs"] == "{level: debug}\nroles: {}"
    assert "roles" not in written.tree


def test_doubled_keys_keep_the_first() -> None:
    written = load_text("version: 1\na: {b: 1, c: 2, b: 3}\n")
    assert written.tree["a"] == {"b": 1, "c": 2}
    assert reasons(written) == ['the key "b" is written twice']


def test_keys_are_doubled_by_what_they_mean() -> None:
    assert reasons(load_text('version: 1\na: {b: 1, "b": 2}\n')) == ['the key "b" is written twice']


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: {<<: {}}", 'merge keys ("<<") are not part of YAML 1.2'),
        ('a: {"": 1}', "a key must not be empty"),
        ("a: {[b]: 1}", "a key must be plain text"),
        ("a: {!!int 3: 1}", "a key must be plain text"),
        ("a: {'${X}': 1}", 'the key "${X}" has a reference in it'),
        ("a: !!binary aGk=", "the tag !!binary has no meaning here"),
        ("a: !secret x", "the tag !secret has no meaning here"),
        ("a: !!set {}", "the tag !!set has no meaning here"),
        ("a: &x [*x]", "an alias contains itself"),
        ("a: &x {b: {c: *x}}", "an alias contains itself"),
        ("a: 1e999", '"1e999" is too large for a number'),
        ("a: .nan", '".nan" is not a finite number'),
        ("a: " + "[" * DEEPEST + "]" * DEEPEST, f"nested deeper than {DEEPEST} levels"),
        ("a: \x07", "the character #x0007 is not allowed in YAML"),
        ("a: \ud800", "not UTF-8"),
        ("a: *b", "not YAML: found undefined alias"),
    ],
)
def test_refuses(text: str, reason: str) -> None:
    assert reasons(load_text(f"version: 1\n{text}\n")) == [reason]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert load_text('version: 1\na: {"<<": 1}\n').tree["a"] == {"<<": 1}


def test_depth_has_a_bound_before_the_stack_has() -> None:
    assert reasons(load_text("[" * 1_000_000)) == [f"nested deeper than {DEEPEST} levels"]
    assert reasons(load_text("- " * 1_000_000)) == [f"nested deeper than {DEEPEST} levels"]


def test_aliases_repeat_values() -> None:
    written = load_text("version: 1\na: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n")
    assert written.tree["d"] == [{"b": [1, 2]}, {"b": [1, 2]}]
    assert written.marks.at(("c", "b", 1)) == Mark("portico.yaml", 2, 15)
    assert written.marks.at(("c",)) == Mark("portico.yaml", 3, 1)


def test_aliases_do_not_multiply_without_bound() -> None:
    lines = ["version: 1", "a0: &a0 [" + "x, " * 10 + "]"]
    lines += [f"a{n}: &a{n} [" + f"*a{n - 1}, " * 10 + "]" for n in range(1, 12)]
    found = reasons(load_text("\n".join(lines)))
    assert found
    assert set(found) == {f"aliases repeat more than {MOST_ALIASED_VALUES:,} values"}


def test_a_number_from_a_variable_keeps_its_text() -> None:
    tree = load_text("version: 1\na: ${P}\nb: '${P}'\nc: ${P}0\n", env={"P": "0123"}).tree
    assert tree == {"version": 1, "a": "0123", "b": "0123", "c": "01230"}


def test_includes_are_merged_by_key_and_routes_appended() -> None:
    written = load_text(
        "version: 1\ninclude: [conf/*.yaml]\nservices: {a: {url: x}}\nroutes: [{match: /main}]\nroles: {r: {}}\n",
        files={
            "conf/b.yaml": "services: {b: {url: y}}\nroutes: [{match: /b}]\ninclude: [deeper/d.yaml]\n",
            "conf/c.yaml": "version: 1\nservices: {c: {url: z}}\nlogs: {level: info}\n",
            "conf/deeper/d.yaml": "routes: [{match: /d}]\nroles: {s: {}}\n",
        },
    )
    assert reasons(written) == []
    assert written.tree == {
        "version": 1,
        "include": ["conf/*.yaml"],
        "services": {"a": {"url": "x"}, "b": {"url": "y"}, "c": {"url": "z"}},
        "routes": [{"match": "/main"}, {"match": "/b"}, {"match": "/d"}],
        "roles": {"r": {}, "s": {}},
        "logs": {"level": "info"},
    }
    assert written.files == ("portico.yaml", "conf/b.yaml", "conf/deeper/d.yaml", "conf/c.yaml")
    assert written.marks.at(("routes", 2, "match")) == Mark("conf/deeper/d.yaml", 1, 18)
    assert written.marks.at(("services", "b", "url")) == Mark("conf/b.yaml", 1, 21)


def test_what_is_written_in_two_files_is_refused() -> None:
    written = load_text(
        "version: 1\ninclude: [b.yaml]\nservices: {a: {url: x}}\ngateway: {workers: 1}\n",
        files={"b.yaml": "services: {a: {timeout: 3s}}\ngateway: {workers: 2, name: b}\n"},
    )
    assert [str(problem) for problem in written.problems.found()] == [
        "b.yaml:1:12: services.a: written in two files – the first is at portico.yaml:3:12; keep one of them",
        "b.yaml:2:11: gateway.workers: written in two files – the first is at portico.yaml:4:11; keep one of them",
    ]
    assert written.tree["services"] == {"a": {"url": "x"}}
    assert written.tree["gateway"] == {"workers": 1, "name": "b"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {"b.yaml": "include: [portico.yaml]"},
            "files include each other in a circle: portico.yaml → b.yaml → portico.yaml",
        ),
        ({"b.yaml": "include: [./b.yaml]"}, "files include each other in a circle: b.yaml → b.yaml"),
        (
            {"b.yaml": "include: [c.yaml, c.yaml]", "c.yaml": "roles: {}"},
            'the file "c.yaml" is included twice',
        ),
        ({"b.yaml": "include: [absent.yaml]"}, 'cannot read "absent.yaml": no such file or directory'),
        ({"b.yaml": "include: c.yaml"}, 'must be a list, not "c.yaml"'),
        ({"b.yaml": "include: [{}]"}, "must be the path of a file"),
        ({"b.yaml": "include: ['']"}, "must be the path of a file"),
        ({"b.yaml": "include: ['${NOWHERE}']"}, "the environment variable NOWHERE is not set"),
        ({"b.yaml": ""}, "the file is empty"),
        ({"b.yaml": "a: ["}, "not YAML: did not find expected node content while parsing a flow node"),
        (
            {"b.yaml": "version: 3"},
            "this file is written for version 3 of the language, and this Portico reads version 1",
        ),
    ],
)
def test_includes_that_are_refused(files: dict[str, str], reason: str) -> None:
    assert reasons(load_text("version: 1\ninclude: [b.yaml]\n", files=files)) == [reason]


def test_a_pattern_without_files_is_a_warning() -> None:
    (problem,) = load_text("version: 1\ninclude: [conf.d/*.yaml]\n").problems.found()
    assert problem.severity == "warning"
    assert str(problem) == 'portico.yaml:2:11: warning: include[0]: no file fits "conf.d/*.yaml"'


def test_includes_may_depend_on_variables() -> None:
    text = "version: 1\ninclude: ['${STAGE}.yaml']\n"
    written = load_text(text, env={"STAGE": "test"}, files={"test.yaml": "logs: {level: debug}"})
    assert written.tree["logs"] == {"level": "debug"}


def test_files_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "b.yaml").write_bytes(b"\xef\xbb\xbflogs: {level: info}\n")
    (tmp_path / "conf" / "folder.yaml").mkdir()
    (tmp_path / "secret").write_text("s3cret\r\n")
    main = tmp_path / "portico.yaml"
    main.write_text("version: 1\ninclude: ['conf/*.yaml']\ngateway: {name: '${file:secret}'}\n")
    written = load_file(main, {})
    assert reasons(written) == []
    assert written.tree["gateway"] == {"name": "s3cret"}
    assert written.tree["logs"] == {"level": "info"}
    assert written.files == (str(main), str(tmp_path / "conf" / "b.yaml"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "latin").write_bytes(b"version: 1\ngateway: {name: caf\xe9}\n")
    assert reasons(load_file(tmp_path, {})) == [f'cannot read "{tmp_path}": not a regular file']
    assert reasons(load_file(tmp_path / "fifo", {})) == [
        f'cannot read "{tmp_path / "fifo"}": not a regular file'
    ]
    (problem,) = load_file(tmp_path / "latin", {}).problems.found()
    assert (problem.reason, problem.line, problem.column) == ("not UTF-8", 2, 20)
    (problem,) = load_file(tmp_path / "absent", {}).problems.found()
    assert problem.reason == f'cannot read "{tmp_path / "absent"}": no such file or directory'


def test_a_secret_file_is_relative_to_the_file_that_names_it() -> None:
    written = load_text(
        "version: 1\ninclude: [conf/b.yaml]\na: '${file:x}'\n",
        files={"conf/b.yaml": "b: '${file:x}'\nc: '${file:../x}'", "x": "outer\n\n", "conf/x": "inner"},
    )
    assert written.tree["a"] == "outer"
    assert written.tree["b"] == "inner"
    assert written.tree["c"] == "outer"


def test_a_newer_version_hides_all_other_problems() -> None:
    written = load_text("version: 2\ninclude: [absent.yaml]\nnews: {}\n")
    assert len(written.problems.found()) == 1
