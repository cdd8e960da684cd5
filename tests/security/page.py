"""What docs/security.md says: its rows, each with the tests that it names. And the mutations that try them."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/security.md"
MUTATIONS = ROOT / "tests/security/mutations"
_ROW = re.compile(r"\| ([A-Z][0-9]+) \| (.*) \| (.*) \| (.*) \|")
_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")


@dataclass(frozen=True)
class Row:
    """One threat. `tests`: file by the name of the test's function."""

    id: str
    threat: str
    defence: str
    tests: dict[str, str]


@dataclass(frozen=True)
class Edit:
    """In `file`, every `old` becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """What takes a defence of `row` away, and the tests that must notice."""

    row: str
    noticed_by: tuple[str, ...]
    edits: tuple[Edit, ...]
    hangs: bool


def rows() -> list[Row]:
    """Every row of the page's tables, in order."""
    found = []
    for line in PAGE.read_text("utf-8").splitlines():
        if match := _ROW.fullmatch(line):
            found.append(Row(match[1], match[2], match[3], {name: file for file, name in _TEST.findall(match[4])}))
    return found


def mutations() -> list[Mutation]:
    """Every mutation of every file, in order."""
    found = []
    for path in sorted(MUTATIONS.glob("*.toml")):
        for one in tomllib.loads(path.read_text("utf-8"))["mutation"]:
            edits = tuple(Edit(**edit) for edit in one["edit"])
            found.append(Mutation(one["row"], tuple(one["noticed_by"]), edits, one.get("hangs", False)))
    return found


@cache
def functions(file: str) -> frozenset[str]:
    """The test functions of a file, as pytest finds them."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
