"""Take each defence of docs/security.md away in a copy of the repository: its tests must turn red.

    python -m tests.security.mutants [ROW …]

Nothing is changed here: the copy lies in a temporary folder, and that `ledger` comes from there is checked first. Ends
with 1 when a test stays green without its defence, or is red with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.security.page import ROOT, Mutation, mutations, rows

PATIENCE, SHORT = 600, 120
"""Seconds for a test; and for one that goes on for hours, or ends the interpreter, without its defence."""


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def copy(target: Path) -> None:
    """Every file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in listed.split(b"\0")[:-1]:
        source = ROOT / os.fsdecode(name)
        if source.is_file():
            place = target / os.fsdecode(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place, follow_symlinks=False)


def run(place: Path, *command: str, patience: float = PATIENCE) -> tuple[int | None, str]:
    """How a command of Python ended in the copy, and what it printed; None when it did not end in time."""
    environ = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=place,
            env=environ,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout


def pytest(place: Path, tests: Iterable[str], patience: float = PATIENCE) -> tuple[int | None, str]:
    """Run tests in the copy, quietly."""
    options = ("-n0", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider")
    return run(place, "-m", "pytest", *options, *tests, patience=patience)


def attempt(place: Path, mutation: Mutation, files: dict[str, str]) -> str:
    """Apply one mutation, run its tests, take it back; what is wrong, or nothing."""
    before = {edit.file: (place / edit.file).read_text("utf-8") for edit in mutation.edits}
    try:
        for edit in mutation.edits:
            text = (place / edit.file).read_text("utf-8")
            if edit.old not in text:
                return f"{edit.file} holds no {edit.old!r}"
            (place / edit.file).write_text(text.replace(edit.old, edit.new), "utf-8")
        problems = [_unnoticed(place, f"{files[name]}::{name}", hangs=mutation.hangs) for name in mutation.noticed_by]
    finally:
        for file, text in before.items():
            (place / file).write_text(text, "utf-8")
    return "; ".join(problem for problem in problems if problem)


def _unnoticed(place: Path, test: str, *, hangs: bool) -> str:
    """What is wrong when a test does not fail; one that is never reached (collected, set up) proves nothing."""
    code, said = pytest(place, ["-x", test], SHORT if hangs else PATIENCE)
    if (hangs and (code is None or code < 0)) or (code == 1 and f"FAILED {test}" in said):
        return ""
    return f"{test} does not fail (pytest ended with {code}): {''.join(said.splitlines()[-1:])}"


def main(wanted: list[str]) -> int:
    """Try the mutations of the wanted rows, or of all."""
    tests = {row.id: row.tests for row in rows()}
    chosen = [one for one in mutations() if not wanted or one.row in wanted]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        place = Path(name).resolve() / "copy"
        copy(place)
        code, said = run(place, "-c", "import ledger; print(ledger.__file__)")
        if code or not Path(said.strip()).is_relative_to(place):
            say(f"the copy's own ledger is not the one that runs: {said}")
            return 1
        named = {f"{tests[one.row][test]}::{test}" for one in chosen for test in one.noticed_by}
        code, said = pytest(place, sorted(named))
        if code != 0:
            say(f"not all tests are green before anything is taken away:\n{said[-2000:]}")
            return 1
        for number, one in enumerate(chosen, start=1):
            problem = attempt(place, one, tests[one.row])
            wrong += bool(problem)
            verdict = f"NOT NOTICED: {problem}" if problem else "noticed"
            say(f"[{number}/{len(chosen)}] {one.row} {one.edits[0].file} {verdict}")
    say(f"{len(chosen) - wrong} of {len(chosen)} noticed")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
