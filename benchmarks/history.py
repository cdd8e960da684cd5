"""A git repository as a project of many years leaves it: the same commits every time, by git's own fast import."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

BEGINS = 1_262_304_000
"""2010-01-01, in seconds of Unix time."""
WEEK = 7 * 86_400
PEOPLE = 400


def write_history(root: Path, *, commits: int, weeks: int) -> Path:
    """A bare repository of `commits` commits, spread evenly over so many weeks.

    A few people write most of it, and the rest a commit now and then.
    """
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(root)], check=True)
    stream = "".join(_commands(commits, weeks)).encode()
    subprocess.run(["git", "-C", str(root), "fast-import", "--quiet"], input=stream, check=True)
    return root


def _commands(commits: int, weeks: int) -> Iterator[str]:
    for number in range(commits):
        at = BEGINS + number * weeks * WEEK // commits
        person = number * number % (PEOPLE if number % 3 == 0 else 12)
        name = f"{_name(person)} <{person}@example.org> {at} +0000"
        text = f"Change {number}\n"
        yield f"commit refs/heads/main\nauthor {name}\ncommitter {name}\ndata {len(text)}\n{text}"
        line = f"{number}\n"
        yield f"M 100644 inline files/{number % 50}.txt\ndata {len(line)}\n{line}\n"


def _name(person: int) -> str:
    return f"Person {person}"
