"""Tables for spreadsheets and notebooks: rows go in as lines of JSON, a CSV file and a typed Parquet file come out.

Both hold the same rows in the same order; their bytes depend on the rows and on DuckDB's version alone. In the CSV a
text that a spreadsheet would compute begins with an apostrophe.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from ledger.core.errors import LedgerError

Type = Literal["VARCHAR", "BIGINT", "BOOLEAN", "TIMESTAMP", "DATE", "DECIMAL(7,6)"]
"""Whole numbers are up to 2^63-1; a TIMESTAMP is UTC to the millisecond; the decimal is a share."""
FORMULA = r"^[=+\-@\t\r\n]"
"""How a text begins that a spreadsheet computes or breaks at."""

LONGEST = 64 << 20
"""Bytes of one line."""
PATHS = "hive_partitioning = false"
"""A folder called `name=value` is a folder, and no value of a column `name`."""
CSV = "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%gZ'"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `name` is ours, never text from outside."""

    name: str
    type: Type
    about: str


class Exporter:
    """A DuckDB of its own that reads and writes below `folder` and nothing else. A context manager is not needed.

    One thread, so that rows and bytes come out in the same order every time. Raises LedgerError, never DuckDB's own.
    """

    def __init__(self, folder: Path) -> None:
        self._database = duckdb.connect(":memory:")
        for name, value in {
            "threads": 1,
            "memory_limit": "1GB",
            "enable_progress_bar": False,
            "temp_directory": str(folder / f"spill-{os.getpid()}"),  # another process may export below it, too
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "allowed_directories": [str(folder)],
            "enable_external_access": False,
            "lock_configuration": True,
        }.items():
            self._database.execute(f"SET {name} = $value", {"value": value})

    def export(self, rows: Path, columns: Sequence[Column], target: Path) -> None:
        """Write `target` with `.csv` and `.parquet`. `rows`: a JSON object a line, which holds under each
        column's name the values of as many rows as it likes.
        """
        typed = ", ".join(f"\"{column.name}\": '{column.type}[]'" for column in columns)
        each = ", ".join(f'unnest("{column.name}") AS "{column.name}"' for column in columns)
        safe = ", ".join(map(_safe, columns))
        form = f"format = 'newline_delimited', columns = {{{typed}}}, maximum_object_size = {LONGEST}, {PATHS}"
        whole, place = f"'{_quoted(rows)}', {form}", _quoted(target)
        # S608: every name here is ours; paths are quoted
        try:
            self._database.execute(f"CREATE OR REPLACE TEMP VIEW lines AS SELECT {each} FROM read_json({whole})")  # noqa: S608
            self._database.execute(f"COPY (FROM lines) TO '{place}.parquet' (FORMAT parquet, COMPRESSION zstd)")
            table = f"read_parquet('{place}.parquet', {PATHS})"  # the same rows, read in a fraction of the time
            self._database.execute(f"COPY (SELECT {safe} FROM {table}) TO '{place}.csv' ({CSV})")  # noqa: S608
        except duckdb.Error as error:
            raise LedgerError(f"the table {target.name} cannot be written: {str(error)[:300]}") from None

    def close(self) -> None:
        """Gives the memory back."""
        self._database.close()


def _safe(column: Column) -> str:
    name = f'"{column.name}"'
    if column.type != "VARCHAR":
        return name
    return f"CASE WHEN regexp_matches({name}, '{FORMULA}') THEN '''' || {name} ELSE {name} END AS {name}"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
