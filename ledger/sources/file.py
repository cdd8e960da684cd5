"""The collector of contributions that no API knows: a JSONL or CSV file inside the node, one row an event.

Every row is checked before anything is yielded; a bad row is named with its line and stops the run. Ids are
`file:<name>:<row id>`; evidence is required, because nobody else can point to the act.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn

from pydantic import AfterValidator

from ledger.core.canonical import MAX_SAFE_INTEGER, is_clean
from ledger.core.config import Settings
from ledger.core.errors import InputError, SourceError
from ledger.core.values import ACCOUNT_PATTERN, META_KEY_PATTERN, TYPE_PATTERN, Text, parse_time
from ledger.core.windows import Window
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor

PAGE = 10_000
FIELDS = ("id", "time", "event_type", "account", "evidence")
_ROW_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TYPE = re.compile(TYPE_PATTERN)
_ACCOUNT = re.compile(ACCOUNT_PATTERN)
_KEY = re.compile(META_KEY_PATTERN)
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][!-~]*)?")


def _inside(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/") or not value.endswith((".jsonl", ".csv")):
        raise ValueError("must be a path inside the node that ends in .jsonl or .csv")
    return value


class FileOptions(Settings):
    """A file source in a scope's file."""

    path: Annotated[Text, AfterValidator(_inside)]


class FileSource:
    """One file of contributions."""

    kind: ClassVar[str] = "file"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = FileOptions

    def __init__(self, name: str, options: FileOptions, context: SourceContext) -> None:
        self.name, self._path, self._context = name, options.path, context

    @classmethod
    def origins(cls, options: FileOptions) -> frozenset[str]:
        """The file."""
        return frozenset({f"file:{options.path}"})

    def streams(self) -> Sequence[str]:
        """One stream, by the source's name."""
        return [self.name]

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """All rows before the window's end, oldest first; InputError names the first bad row before any is yielded."""
        now = self._context.now()
        rows = [row for row in self._rows() if row["time"] < window.end]
        rows.sort(key=lambda row: (row["time"], row["id"]))
        for start in range(0, max(len(rows), 1), PAGE):
            last = start + PAGE >= len(rows)
            yield Page(
                rows[start : start + PAGE],
                retrieved_at=now,
                covered=window if last else None,
                stated=sum(row["time"] in window for row in rows) if last else None,
            )

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of a checked row."""
        yield SourceEvent(
            artifact_url=raw["evidence"],
            event_time=raw["time"],
            event_type=raw["event_type"],
            id=f"file:{raw['name']}:{raw['id']}",
            metadata=raw["metadata"],
            platform_login=raw["login"],
            platform_user_id=raw["account"],
            source=self.kind,
        )

    def _rows(self) -> list[dict[str, Any]]:
        data = self._read()
        found: dict[str, dict[str, Any]] = {}
        lines: dict[str, int] = {}
        values = self._csv(data) if self._path.endswith(".csv") else self._jsonl(data)
        for line, value in values:
            row = self._check(value, line)
            before = found.setdefault(row["id"], row)
            if before is not row and before != row:
                self._refuse(line, f"id {row['id']} stands in line {lines[row['id']]} already, with other content")
            lines.setdefault(row["id"], line)
        return list(found.values())

    def _read(self) -> str:
        root = Path(self._context.node_root)
        path = root / self._path
        if any(part.is_symlink() for part in (path, *path.parents) if part.is_relative_to(root) and part != root):
            raise InputError("symbolic links are not read", path=self._path, hint="Put the file itself into the node.")
        try:
            return path.read_bytes().decode("utf-8-sig" if self._path.endswith(".csv") else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"not UTF-8 (byte {error.start})", path=self._path, hint="Save it as UTF-8.") from None
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", path=self._path, hint="Is it committed?") from None

    def _jsonl(self, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for line, raw in enumerate(text.split("\n"), start=1):
            if raw.strip():
                try:
                    value = json.loads(raw, object_pairs_hook=partial(self._pairs, line))
                except (json.JSONDecodeError, RecursionError) as error:
                    self._refuse(line, f"not JSON: {error}")
                if not isinstance(value, dict):
                    self._refuse(line, "not a JSON object")
                yield line, value

    def _pairs(self, line: int, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            self._refuse(line, "a key stands twice")
        return dict(pairs)

    def _csv(self, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            head = next(reader, [])
            if missing := [name for name in FIELDS if name not in head]:
                self._refuse(1, f"the header lacks {', '.join(missing)}")
            if len(set(head)) != len(head):
                self._refuse(1, "the header names a column twice")
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(head):
                    self._refuse(reader.line_num, f"{len(cells)} cells, the header has {len(head)}")
                yield reader.line_num, dict(zip(head, cells, strict=True))
        except csv.Error as error:
            self._refuse(reader.line_num, f"not CSV: {error}")

    def _check(self, value: Mapping[str, Any], line: int) -> dict[str, Any]:
        """The row with its fields checked; metadata is everything that is no field."""
        for name in FIELDS:
            if not isinstance(value.get(name), str):
                self._refuse(line, f"{name}: missing, or not text")
        if not _ROW_ID.fullmatch(value["id"]):
            self._refuse(line, f"id: {value['id'][:60]!r} must be 1 to 128 of A-Z a-z 0-9 . _ -")
        if not _TYPE.fullmatch(value["event_type"]):
            self._refuse(line, f"event_type: {value['event_type'][:60]!r} must be a-z, 0-9, _ and begin with a letter")
        if not _ACCOUNT.fullmatch(value["account"]):
            self._refuse(line, "account: must be 1 to 256 printable ASCII characters without spaces")
        if not _URL.fullmatch(value["evidence"]):
            self._refuse(line, "evidence: must be a link, http:// or https://, without spaces or user names")
        login = value.get("login") or None
        if login is not None and not (isinstance(login, str) and is_clean(login)):
            self._refuse(line, "login: must be text without control characters")
        try:
            time = parse_time(value["time"])
        except ValueError as error:
            self._refuse(line, f"time: {error}")
        if time < self._context.scope_start:
            self._refuse(
                line,
                f"time: {time} lies before the scope's first window ({self._context.scope_start})",
                rule="EPOCH_WINDOW_UNIQUE",
            )
        metadata = {key: value[key] for key in value if key not in FIELDS and key != "login"}
        for key, item in metadata.items():
            if not _KEY.fullmatch(key):
                self._refuse(line, f"column {key[:60]!r}: names are a-z, 0-9, _ and begin with a letter")
            whole = isinstance(item, int) and abs(item) <= MAX_SAFE_INTEGER
            if not (item is None or whole or (isinstance(item, str) and is_clean(item))):
                self._refuse(
                    line, f"{key}: must be text without control characters, a whole number, true, false or null"
                )
        return {
            "account": value["account"],
            "event_type": value["event_type"],
            "evidence": value["evidence"],
            "id": value["id"],
            "login": login,
            "metadata": metadata,
            "name": self.name,
            "time": time,
        }

    def _refuse(self, line: int, message: str, rule: str | None = None) -> NoReturn:
        raise InputError(
            message,
            path=self._path,
            line=line,
            rule=rule,
            hint="Correct the row and run this again; nothing was written.",
        )
