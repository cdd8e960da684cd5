"""ADAPTERS_NOT_IN_CORE, checked on the code that runs: what the modules of `ledger.core` import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

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
        *("coincurve", "eth_account", "eth_keys", "eth_utils", "ledger", "pydantic", "pydantic_core"),
    }
)
"""What core may import: no client, no clock, no disk, no environment."""


@cache
def impure_imports() -> tuple[tuple[str, str], ...]:
    """Each import of a core module that is not pure: the module's file and the name. Looked up once a process."""
    return tuple(_impure())


def _impure() -> Iterator[tuple[str, str]]:
    for module in sorted(files("ledger.core").iterdir(), key=lambda path: path.name):
        if not module.name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                if top not in PURE or (top == "ledger" and not name.startswith("ledger.core")):
                    yield f"ledger/core/{module.name}", name
