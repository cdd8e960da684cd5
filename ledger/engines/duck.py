"""DuckDB on this machine: its loader, and the name that Spark has and it has not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import duckdb

from ledger.engines.port import TABLES, EngineError, Opened, Row, not_found
from ledger.store.scratch import Scratch

ROWS_AT_A_TIME = 20_000
_MACRO = "CREATE MACRO sha2(data, bits) AS sha256(data)"
_OPEN = "SELECT filename, len(content) - len(replace(content, chr(10), '')) FROM read_text($paths)"
_LINES = """
CREATE VIEW lines AS
SELECT log, first + number - 1 AS place, line, encode(line) AS octets
FROM (
    SELECT
        shards.log, shards.first, unnest(string_split(content, chr(10))) AS line,
        generate_subscripts(string_split(content, chr(10)), 1) AS number
    FROM read_text(getvariable('paths'))
    JOIN shards ON shards.path = filename
)
WHERE line <> ''
"""
_EVENTS = """
CREATE VIEW events AS
SELECT log, place, e.*
FROM (
    SELECT log, place, try(from_json(line, '{"id": "VARCHAR", "source": "VARCHAR", "event_type": "VARCHAR",
        "platform_user_id": "VARCHAR", "platform_login": "VARCHAR", "quantity": "BIGINT"}')) AS e
    FROM lines
)
"""


class DuckEngine:
    """A locked-down connection that reads the folders `roots` and nothing else."""

    def __init__(self, roots: Sequence[Path], *, memory_limit: str = "2GB") -> None:
        self._spill = Scratch()
        self._database = duckdb.connect(":memory:")
        settings: dict[str, object] = {
            "memory_limit": memory_limit,
            "temp_directory": str(self._spill.path),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
            "allowed_directories": [*map(str, roots), str(self._spill.path)],
            "enable_external_access": False,
            "lock_configuration": True,
        }
        for name, value in settings.items():
            self._database.execute(f"SET {name} = $value", {"value": value})
        self._database.execute(_MACRO)
        for name in TABLES:
            self.table(name, ())
        self._database.execute("SET VARIABLE paths = []::VARCHAR[]")
        for view in (_LINES, _EVENTS):
            self._database.execute(view)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._spill.cleanup()

    def open(self, paths: Sequence[Path]) -> dict[Path, Opened]:
        """Makes these files the ones whose lines are asked about. EngineError, naming it, for one that is not found."""
        there = {str(path): path for path in paths}
        for path in paths:
            if not path.is_file():
                raise not_found(path)
        with _in_our_words():
            self._database.execute("SET VARIABLE paths = $paths::VARCHAR[]", {"paths": list(there)})
            found = self._database.execute(_OPEN, {"paths": list(there)}).fetchall() if there else []
        return {there[name]: Opened(name, lines) for name, lines in found}

    def load(self, shards: Iterable[Row]) -> None:
        """Makes `lines` and `events` those of these files: each one's name, its log, the place of its first line."""
        self.table("shards", shards)

    def table(self, name: str, rows: Iterable[Row]) -> None:
        """Makes the rows the table under that name."""
        columns = TABLES[name]
        values = list(zip(*rows, strict=True)) or [()] * len(columns)
        asked = ", ".join(f'unnest(${column}::{kind}[]) AS "{column}"' for column, kind in columns.items())
        with _in_our_words():
            self._database.execute(
                f"CREATE OR REPLACE TABLE {name} AS SELECT {asked}",
                {column: list(value) for column, value in zip(columns, values, strict=True)},
            )

    def parquet(self, name: str, path: Path) -> None:
        """Makes a Parquet file's rows the table under that name."""
        with _in_our_words():
            self._database.execute(f"CREATE OR REPLACE TABLE {name} AS FROM read_parquet($path)", {"path": str(path)})

    def view(self, name: str, text: str) -> None:
        """Makes the query's rows known under a name."""
        with _in_our_words():
            self._database.execute(f"CREATE OR REPLACE VIEW {name} AS {text}")

    def rows(self, text: str) -> Iterator[Row]:
        """The rows of a query."""
        with _in_our_words():
            cursor = self._database.execute(text)  # no other cursor: the variable is this connection's
        while True:
            with _in_our_words():
                batch = cursor.fetchmany(ROWS_AT_A_TIME)
            if not batch:
                return
            yield from batch


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise EngineError(f"DuckDB cannot read the data: {str(error).splitlines()[0]}") from error
