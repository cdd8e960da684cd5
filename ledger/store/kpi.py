"""One value of a reviewed CSV file in the node, for a pool rule: which line it stands in, and the hash up to there."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from ledger.core.canonical import sha256_hex
from ledger.core.errors import FormatError
from ledger.core.pool import KpiReading
from ledger.core.values import Hash
from ledger.store.files import read_file


def read_kpi(root: Path, path: str, *, key: str, period: str, column: str) -> KpiReading | None:
    """The whole number under `column` in the row whose `key` is `period`; None when there is no such row.

    The hash covers the file through that row, so that rows may be added. FormatError names the line of a row that
    stands twice, of a value that is no whole number, or what the header lacks.
    """
    data = read_file(root, path)
    if data is None:
        return None
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
        header = next(reader, [])
        for name in (key, column):
            if header.count(name) != 1:
                raise FormatError(f"the header names {name!r} {header.count(name)} times", path=path, line=1)
        found: KpiReading | None = None
        for row in reader:
            if len(row) <= header.index(key) or row[header.index(key)] != period:
                continue
            text = row[header.index(column)] if len(row) > header.index(column) else ""
            if re.fullmatch(r"0|[1-9][0-9]{0,18}", text, re.ASCII) is None:
                raise FormatError(f"{text[:40]!r} is no whole number", path=path, line=reader.line_num)
            if found is not None:
                raise FormatError(f"{period} stands twice; first in line {found.line}", path=path, line=reader.line_num)
            through = b"".join(data.splitlines(keepends=True)[: reader.line_num])
            found = KpiReading(reader.line_num, Hash(sha256_hex(through)), int(text))
    except (csv.Error, UnicodeDecodeError) as error:
        raise FormatError(f"is no CSV in UTF-8: {error}", path=path) from None
    return found
