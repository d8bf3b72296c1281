"""Breaks the source on purpose, one committed way at a time, and demands that a test notices.

The mutations are the ``[[mutation]]`` tables of ``tests/mutations/*.toml``. Each is applied to a copy of the
tree, never to the tree itself, and the tests that it names are run there. A mutation is caught only when
tests *fail*: tests that cannot be collected, or that never end, prove nothing and count against it, and so
does a mutation whose old text is no longer there exactly once.
"""

import argparse
import enum
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from compileall import compile_dir
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Mutation(BaseModel):
    """One way to break the source: *old*, once in *file*, becomes *new*, and one of *tests* must fail."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1)
    file: str = Field(min_length=1)
    old: str = Field(min_length=1)
    new: str
    why: str = Field(min_length=1)
    tests: list[str] = Field(min_length=1)


class Outcome(enum.Enum):
    """What became of one mutation."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"
    HUNG = "HUNG"


# By pytest's exit code; None is a run that had to be stopped. Any other code means that no test was run.
_OUTCOMES = {None: Outcome.HUNG, 0: Outcome.SURVIVED, 1: Outcome.CAUGHT}


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of one mutation, how long its tests ran, and what they said."""

    mutation: Mutation
    outcome: Outcome
    took_s: float
    said: str


class UnusableError(Exception):
    """The mutations, or the tree they are for, cannot be used as they are. The message is for a person."""


def read(folder: Path) -> list[Mutation]:
    """Read every mutation in *folder*.

    Raises:
        UnusableError: with every missing, unknown or mistyped key, and every name that is there twice.
    """
    found: list[Mutation] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        for number, table in enumerate(tomllib.loads(path.read_text("utf-8")).get("mutation", []), 1):
            try:
                found.append(Mutation.model_validate(table))
            except ValidationError as error:
                where = f"{path.name}: mutation {number} ({table.get('name')})"
                problems += [f"{where}: {fault['loc'][0]}: {fault['msg']}" for fault in error.errors()]
    times = Counter(mutation.name for mutation in found)
    problems += [f"the name {name!r} is there {count} times" for name, count in times.items() if count > 1]
    if problems:
        raise UnusableError("\n".join(problems))
    return found


def misfits(root: Path, mutations: Sequence[Mutation]) -> list[str]:
    """Tell, one line each, which mutations no longer fit the tree at *root*. Runs nothing."""
    lines: list[str] = []
    for mutation in mutations:
        target = root / mutation.file
        source = target.read_text("utf-8") if target.is_file() else ""
        if (times := source.count(mutation.old)) != 1:
            lines.append(f"{mutation.name}: the old text is {times} times in {mutation.file}, not once")
        elif mutation.new == mutation.old:
            lines.append(f"{mutation.name}: the new text is the old one")
        elif target.suffix == ".py":
            try:
                compile(source.replace(mutation.old, mutation.new), mutation.file, "exec")
            except SyntaxError as error:
                lines.append(f"{mutation.name}: the mutated {mutation.file} is no Python: {error.msg}")
        missing = [test for test in mutation.tests if not _is_test(root, test)]
        lines += [f"{mutation.name}: there is no test {test}" for test in missing]
    return lines


def _is_test(root: Path, test: str) -> bool:
    file, *names = test.split("::")
    if not (root / file).exists():
        return False
    source = (root / file).read_text("utf-8") if names else ""
    return all(re.search(rf"\b(class|def) {re.escape(name.partition('[')[0])}\b", source) for name in names)


def copy_tree(root: Path, to: Path) -> None:
    """Copy what tests need of the tree at *root*: nothing hidden, no data, nothing built."""
    not_needed = (".*", "var", "dist", "build", "node_modules", "__pycache__")
    shutil.copytree(root, to, ignore=shutil.ignore_patterns(*not_needed))
    # Checked by the source's hash, so that a mutated file is read anew and the others need not be.
    for package in ("portico", "samples"):
        compile_dir(to / package, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)


def run_tests(
    copy: Path, tests: Sequence[str], *, limit_s: float, more: Sequence[str] = ()
) -> tuple[int | None, str]:
    """Run *tests* against the code in *copy*.

    Returns pytest's exit code, or None if it had to be stopped after *limit_s* seconds; and what it said.
    """
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",  # a stale .pyc of equal size and second would hide a mutation
        "HYPOTHESIS_PROFILE": "mutants",
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        [*command, *more, *tests],
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        said, _ = process.communicate()
        return None, said
    _kill_group(process.pid)  # what a broken test may have left running
    return process.returncode, said


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def attempt(copy: Path, mutation: Mutation, *, limit_s: float) -> Trial:
    """Apply *mutation* to the tree at *copy*, run its tests, and put the file back."""
    target = copy / mutation.file
    sound = target.read_text("utf-8")
    started = time.perf_counter()
    target.write_text(sound.replace(mutation.old, mutation.new), "utf-8")
    try:
        code, said = run_tests(copy, mutation.tests, limit_s=limit_s)
    finally:
        target.write_text(sound, "utf-8")
    return Trial(mutation, _OUTCOMES.get(code, Outcome.BROKEN), time.perf_counter() - started, said)


def prove_sound(copy: Path, mutations: Sequence[Mutation], *, jobs: int, limit_s: float) -> None:
    """See that all named tests pass unharmed, and that they test the copy: else no catch is worth anything.

    Raises:
        UnusableError: with what the tests said.
    """
    files = sorted({mutation.file for mutation in mutations if mutation.file.endswith(".py")})
    modules = [file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in files]
    script = "import sys, importlib.util as i; [print(i.find_spec(name).origin) for name in sys.argv[1:]]"
    origins = subprocess.run(
        [sys.executable, "-c", script, *modules],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    if strays := [origin for origin in origins if not Path(origin).is_relative_to(copy)]:
        raise UnusableError(f"the tests would not test the copy but {strays[0]}")
    tests = sorted({test for mutation in mutations for test in mutation.tests})
    code, said = run_tests(copy, tests, limit_s=limit_s, more=("-n", str(jobs), "--dist", "loadgroup"))
    if code != 0:
        raise UnusableError("the tests fail without any mutation:\n" + _end_of(said))


def trials(root: Path, mutations: Sequence[Mutation], *, jobs: int, limit_s: float) -> Iterator[Trial]:
    """Try every mutation, *jobs* at a time, each in a copy of its own; yields as they end."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            copy = Path(scratch).resolve() / str(number)
            copy_tree(root, copy)
            if number == 0:
                prove_sound(copy, mutations, jobs=jobs, limit_s=limit_s * 4)
            copies.put(copy)

        def one(mutation: Mutation) -> Trial:
            copy = copies.get()
            try:
                return attempt(copy, mutation, limit_s=limit_s)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            for done in as_completed([pool.submit(one, mutation) for mutation in mutations]):
                yield done.result()


def _explain(trial: Trial) -> str:
    mutation = trial.mutation
    lines = ["", f"{trial.outcome.value} {mutation.name}: {mutation.why}", mutation.file]
    lines += [f"- {line}" for line in mutation.old.splitlines()]
    lines += [f"+ {line}" for line in mutation.new.splitlines()]
    return "\n".join([*lines, _end_of(trial.said)])


def _end_of(said: str) -> str:
    return "\n".join(said.splitlines()[-30:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0 if every chosen mutation was caught, 1 if not, 2 if none was tried."""
    parser = argparse.ArgumentParser(description="Break the source on purpose; demand that a test notices.")
    parser.add_argument("names", nargs="*", help="only mutations whose name has one of these in it")
    parser.add_argument("--check", action="store_true", help="only see that each still fits the source")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one mutation's tests (120)")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    options = parser.parse_args(arguments)
    uncaught: list[Trial] = []
    try:
        mutations = read(options.root / "tests" / "mutations")
        if options.names:
            mutations = [one for one in mutations if any(name in one.name for name in options.names)]
        if not mutations:
            raise UnusableError("there is none of that name")
        if lines := misfits(options.root, mutations):
            raise UnusableError("\n".join(lines))
        if options.check:
            print(f"{len(mutations)} mutations fit the source")
            return 0
        for trial in trials(options.root, mutations, jobs=options.jobs, limit_s=options.limit):
            print(f"  {trial.outcome.value:9} {trial.mutation.name} ({trial.took_s:.1f} s)", flush=True)
            if trial.outcome is not Outcome.CAUGHT:
                uncaught.append(trial)
    except UnusableError as error:
        print(f"mutations: {error}", file=sys.stderr)
        return 2
    for trial in uncaught:
        print(_explain(trial))
    print(f"mutations: {len(mutations) - len(uncaught)} passed, {len(uncaught)} failed")
    return 1 if uncaught else 0


if __name__ == "__main__":
    sys.exit(main())
