"""The file collector: contributions that no API knows, one row each, from a JSONL or CSV file inside the node.

A file is read whole and every row held to its rules before the first event is given, so that a bad row stops the run
with its line and field named. Serves ACTIVITY_IDEMPOTENT (ids are row ids) and PROVENANCE_REQUIRED (evidence).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from ledger.core.blocks import OddError, read_blocks
from ledger.core.canonical import MAX_SAFE_INTEGER, sha256_hex
from ledger.core.config import Settings
from ledger.core.errors import SourceError
from ledger.core.tables import Row
from ledger.core.values import META_KEY_PATTERN, Text, Timestamp
from ledger.core.windows import Window, gaps
from ledger.sources.file_rows import FIELDS, Table, form_of, read_bytes, read_table
from ledger.sources.port import Page, Plain, Raw, Ready, SourceContext, SourceEvent, StreamCursor

PAGE_SIZE = 5_000
"""Rows a page."""
LARGE = 1_000_000
"""Bytes from which SQL is asked first whether all rows of a file are plain: below, the models are as fast."""


def _inside(value: str) -> str:
    if value.startswith("/") or "\\" in value or any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError("must be a path inside the node, such as contributions/work.csv")
    if PurePosixPath(value).suffix not in (".csv", ".jsonl"):
        raise ValueError("must end in .jsonl or .csv, which says how it is read")
    return value


FieldName = Annotated[Text, Field(pattern=META_KEY_PATTERN)]


class FileOptions(Settings):
    """A file source in a scope's file: where its rows are, from the node's root; what its columns are called there, and
    values of fields that its rows lack.
    """

    path: Annotated[Text, Field(min_length=1), AfterValidator(_inside)]
    columns: dict[FieldName, Annotated[Text, Field(min_length=1)]] = Field(default_factory=dict)
    constants: dict[FieldName, Text | Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _one_way_each(self) -> Self:
        if "id" in self.constants:
            raise ValueError("constants: each row has an id of its own")
        if len(set(self.columns.values())) != len(self.columns):
            raise ValueError("columns: a column of the file is named twice")
        return self


@lru_cache(maxsize=256)  # most rows of a file have the same fields
def _metadata(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in FIELDS)


class FileSource:
    """Rows of one file as events of the type that each row names.

    The file is read once an instance: a run that catches up over many windows sees one state of it.
    """

    kind: ClassVar[str] = "file"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = FileOptions

    def __init__(self, name: str, options: FileOptions, context: SourceContext) -> None:
        self.name = name
        self._options = options
        self._context = context
        self._table: Table | Plain | None = None
        self._sha256 = ""
        self._facets = {"paths": (options.path,)}
        self.begins = f"file:{name}:"
        """How the ids of its events begin."""

    @classmethod
    def origins(cls, options: FileOptions) -> frozenset[str]:
        """The file."""
        return frozenset({f"file:{options.path}"})

    @classmethod
    def facets(cls, options: FileOptions) -> frozenset[str]:
        """What routes may ask for."""
        return frozenset({"paths"})

    def streams(self) -> Sequence[str]:
        """One stream, named as the source."""
        return (self.name,)

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """The rows of the window by time: those not covered yet, or all where the file is another than it was.

        InputError names the line and field of the first bad row, before anything is yielded; SourceError: no file.
        """
        now = self._context.now()
        if min(window.end, now) <= window.start:
            return
        window = Window(window.start, min(window.end, now))
        table = self._read()
        unchanged = (cursor.state or {}).get("sha256") == self._sha256
        due = [table.within(part) for part in (gaps(window, list(cursor.covered)) if unchanged else [window])]
        counts = {"rows_repeated": table.repeated} if table.repeated and not unchanged else {}
        *before, last = [page for rows in due for page in self._pages(rows, now)] or [Page((), now)]
        yield from before
        state, stated = {"sha256": self._sha256}, sum(map(len, due))
        yield replace(last, covered=window, state=state, stated=stated, counts=counts)

    def _pages(self, rows: list[Row] | Ready, now: Timestamp) -> list[Page]:
        if not isinstance(rows, list):
            return [Page((), now, ready=rows, facets=self._facets)]
        return [Page(rows[at : at + PAGE_SIZE], now) for at in range(0, len(rows), PAGE_SIZE)]

    def check(self) -> None:
        """Raise InputError for the first bad row. A file that cannot be read at all is for `fetch` to report."""
        with suppress(SourceError):
            self._read()

    def present(self, ids: Collection[str]) -> Collection[str]:
        """Those of the events whose row still stands in the file."""
        there = self._read().ids
        return {each for each in ids if each.split("#")[0].split(":", 2)[2] in there}

    def standing(self) -> Collection[str]:
        """The ids of all rows that stand in the file."""
        return [f"{self.begins}{each}" for each in self._read().ids]

    def _read(self) -> Table | Plain:
        """The file's rows, read once."""
        if self._table is None:
            context, options = self._context, self._options
            data = read_bytes(context.node_root, options.path)
            self._sha256 = sha256_hex(data)
            self._table = self._plain(data) or read_table(
                data, options.path, context.scope_start, options.columns, options.constants
            )
            ahead, last = self._table.ahead(context.now())
            if ahead:
                context.tell(f"{self.name}: rows that wait for their week: {ahead}, the last until {last}")
        return self._table

    def _plain(self, data: bytes) -> Plain | None:
        """The rows of a large file by SQL, where that is there and finds nothing that the rules must judge."""
        context, options = self._context, self._options
        if context.plain is None or len(data) < LARGE:
            return None
        try:
            blocks = read_blocks(data, options.path, form_of(options.columns, options.constants))
        except OddError:
            return None
        return context.plain(blocks, self.begins, context.scope_start, options.constants)

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of a row."""
        further = _metadata(tuple(raw))
        return (
            SourceEvent(
                raw["evidence"],
                raw["time"],
                raw["event_type"],
                self.begins + raw["id"],
                {name: raw[name] for name in further} if len(further) != 1 else {further[0]: raw[further[0]]},
                raw.get("login") or None,
                raw["account"],
                "file",
                self._facets,
                raw.get("quantity", 1),
            ),
        )
