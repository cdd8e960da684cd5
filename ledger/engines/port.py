"""What an engine must be able to do: load logs, take small tables, answer the bodies in `sql/`.

A body sees these tables, and no more:
  events     log, place, id, source, event_type, platform_user_id, platform_login, quantity (fields of a log's lines)
  lines      log, place (of the line in its log, from 0), octets (its bytes without the line end)
  and those of `TABLES`, which this process makes from small files
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, Self

from ledger.core.errors import LedgerError

Row = tuple[Any, ...]

TABLES: Mapping[str, Mapping[str, str]] = {
    "shards": {"path": "STRING", "log": "INT", "first": "BIGINT"},
    "units": {"unit": "INT", "log": "INT", "book": "INT", "size": "BIGINT"},
    "accounts": {
        "book": "INT",
        "source": "STRING",
        "platform_user_id": "STRING",
        "user_id": "STRING",
        "first": "BIGINT",
        "until": "BIGINT",
    },
    "decisions": {"unit": "INT", "id": "STRING", "included": "BOOLEAN", "weight": "BIGINT", "user_id": "STRING"},
    "weights": {"unit": "INT", "kind": "STRING", "weight": "BIGINT"},
}
"""Columns and their types, under names that both dialects know. `shards`: each file's log and the place of its first
line; `units`: a version of an epoch, its log, and how many lines of its bindings log (`book`) count."""


class EngineError(LedgerError):
    """The engine itself failed: not found, ended, or it cannot read what it was given."""


def not_found(path: Path) -> EngineError:
    """The error for a file that lies here, and that the engine does not see."""
    hint = "A cluster must see the nodes' files: --shared LOCAL=THERE says under which address."
    return EngineError("the engine does not find this file", path=str(path), hint=hint)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as the engine sees it: the name that it has there, and its lines."""

    name: str
    lines: int


class Engine(Protocol):
    """Answers for one set of files at a time. A context manager; raises EngineError, nothing of its library."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def open(self, paths: Sequence[Path]) -> dict[Path, Opened]:
        """Makes these files the ones whose lines are asked about. EngineError, naming it, for one that is not found."""

    def load(self, shards: Iterable[Row]) -> None:
        """Makes `lines` and `events` those of these files: each one's name, its log, the place of its first line."""

    def table(self, name: str, rows: Iterable[Row]) -> None:
        """Makes the rows the table of `TABLES` under that name."""

    def parquet(self, name: str, path: Path) -> None:
        """Makes a Parquet file's rows the table under that name."""

    def view(self, name: str, text: str) -> None:
        """Makes the query's rows known under a name to the queries after it."""

    def rows(self, text: str) -> Iterator[Row]:
        """The rows of a query, in no order; read to the end before anything else is asked."""


@cache
def body(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files("ledger.engines") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
