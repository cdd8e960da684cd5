"""What a source's options mean, as `ledger sources list` tells it: the words stand in `meanings.toml` beside this."""

from __future__ import annotations

import inspect
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.core.errors import ConfigError
from ledger.sources.registry import source_class


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name, its default as a scope's file has it (`required` where there is none), its meaning."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Described:
    """A source: what it reads in a sentence, and its options in the order in which its model has them."""

    kind: str
    summary: str
    options: tuple[Option, ...]


def described(kind: str) -> Described:
    """A source's own words; those of third parties from their class and their fields' descriptions."""
    try:
        found = source_class(kind)
    except ConfigError as error:
        return Described(kind, f"{error.message}. {error.hint}", ())
    words: dict[str, str] = _words().get(kind, {})
    made = []
    for name, info in found.Options.model_fields.items():
        default = "required" if info.is_required() else _shown(info.get_default(call_default_factory=True))
        made.append(Option(name, default, words.get(name) or info.description or "see its documentation"))
    return Described(kind, (inspect.getdoc(found) or "").partition("\n")[0], tuple(made))


def _shown(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, default=str)


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("ledger.sources") / "meanings.toml").read_text("utf-8"))
