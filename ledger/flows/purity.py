"""ADAPTERS_NOT_IN_CORE, checked on the code that runs: what the modules of `ledger.core` import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PURE = frozenset(
    {
        *(
            "__future__",
            "codecs",
            "abc",
            "collections",
            "contextlib",
            "csv",
            "dataclasses",
            "datetime",
            "difflib",
            "fnmatch",
            "functools",
            "hashlib",
            "hmac",
            "itertools",
            "json",
            "operator",
            "re",
            "typing",
            "typing_extensions",
            "uuid",
        ),
        *("coincurve", "eth_account", "eth_hash", "eth_keys", "ledger", "pydantic", "pydantic_core"),
    }
)
"""What core may import: no client, no clock, no disk, no environment."""


@cache
def impure_imports() -> tuple[tuple[str, str], ...]:
    """Each import of a core module that is not pure: the module's file and the name. Looked up once a process."""
    return tuple(_impure())


def _impure() -> Iterator[tuple[str, str]]:
    for path, module in _modules(files("ledger.core"), "ledger/core"):
        text = module.read_text("utf-8")
        plain = [found[1] or found[2] for found in _PLAIN.finditer(text)]
        if "\\\n" not in text and len(plain) == len(_WORD.findall(text)) and all(map(_is_pure, plain)):
            continue
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if not _is_pure(name):
                    yield path, name


def _modules(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    """The modules of a folder and of the folders in it, with their paths."""
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir():
            yield from _modules(one, f"{path}/{one.name}")
        elif one.name.endswith(".py"):
            yield f"{path}/{one.name}", one


_WORD = re.compile(r"\bimport\b")
_PLAIN = re.compile(r"^ *(?:from ([\w.]+) import .*|import ([\w.]+))$", re.MULTILINE)
"""Where every `import` of a module stands in such a line of its own, its syntax tree need not be made: that takes as
long as all else that verifies a small node."""


def _is_pure(name: str) -> bool:
    top = name.partition(".")[0]
    return top in PURE and (top != "ledger" or name.startswith("ledger.core"))
