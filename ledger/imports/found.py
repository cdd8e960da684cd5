"""What a reader of an older system's file hands over: people with their accounts, and history lines without a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HistoryDraft = Mapping[str, Any]
"""The fields of a history line but `node_id`, `scope_id` and `seq`."""


@dataclass(frozen=True, slots=True)
class Alias:
    """An account elsewhere: `account` as bindings write it, where the file tells it for certain, else None.

    `name` is how the older system called it; `line` is where its file says that it is this person's.
    """

    provider: str
    name: str
    account: str | None
    line: int


@dataclass
class Identity:
    """One person (or bot, project, organization) of the older system, after all merges.

    `ids`: every id that stands for him, his own first. `line`: where the file names him first.
    """

    ids: list[str]
    name: str
    kind: str
    line: int
    aliases: list[Alias] = field(default_factory=list)
    wallets: list[str] = field(default_factory=list)
