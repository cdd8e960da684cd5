"""Whatever speaks Spark's protocol (Spark Connect): Sail, started in this process, or a cluster at an address.

`binaryFile` gives each shard as one row, which is cut at line feeds and nowhere else, so that a line keeps its place
and no other line end counts. Sail 0.7 reads a file twice where it spreads one over two cores: each path counts once.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from ledger.core.errors import UsageError
from ledger.engines.port import TABLES, EngineError, Opened, Row, not_found

DEFAULT_PORT = 15002
"""Spark Connect's own."""
_FILES = """
SELECT path, content
FROM (SELECT path, content, ROW_NUMBER() OVER (PARTITION BY path ORDER BY length) AS copy FROM raw)
WHERE copy = 1
"""
_OPEN = r"""
SELECT path, MAX(SIZE(SPLIT(CAST(content AS STRING), '\n'))) - 1 AS lines
FROM raw
GROUP BY path
"""
_LINES = r"""
SELECT log, first + number AS place, line, CAST(line AS BINARY) AS octets
FROM (
    SELECT shards.log, shards.first, POSEXPLODE(SPLIT(CAST(files.content AS STRING), '\n')) AS (number, line)
    FROM files
    JOIN shards ON shards.path = files.path
)
WHERE line <> ''
"""
_EVENTS = """
SELECT log, place, e.id, e.source, e.event_type, e.platform_user_id, e.platform_login, e.quantity
FROM (
    SELECT log, place, FROM_JSON(
        line,
        'id STRING, source STRING, event_type STRING, platform_user_id STRING, platform_login STRING, quantity BIGINT'
    ) AS e
    FROM lines
)
"""


class SparkEngine:
    """A session of Spark Connect at `remote` (sc://HOST), or of Sail inside this process (None).

    `shared`: where the cluster sees this machine's folders, LOCAL=THERE (None: under the same paths).
    """

    def __init__(self, remote: str | None = None, shared: str | None = None) -> None:
        if remote is not None and re.fullmatch(r"sc://[^\s/]+(/.*)?", remote) is None:
            raise UsageError(f"--remote {remote[:80]!r} is no address of Spark Connect", hint="For example sc://HOST.")
        local, mark, there = (shared or "").partition("=")
        if shared is not None and not (local and mark and there):
            raise UsageError("--shared is LOCAL=THERE", hint="For example --shared /srv/ledgers=s3://bucket/ledgers.")
        self._local, self._there = local.rstrip("/"), there.rstrip("/")
        self.remote = remote
        self._server: Any = None
        self._session: Any = None

    def __enter__(self) -> Self:
        from pyspark.sql import SparkSession

        with _in_our_words("cannot be reached"):
            if self.remote is not None:
                _knock(self.remote)
            else:
                os.environ.setdefault("RUST_LOG", "off")
                from pysail.spark import SparkConnectServer

                self._server = SparkConnectServer("127.0.0.1", 0)
                self._server.start(background=True)
                host, port = self._server.listening_address
                self.remote = f"sc://{host}:{port}"
            self._session = SparkSession.builder.remote(self.remote).create()
            for name in TABLES:
                self.table(name, ())
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.stop()
        if self._server is not None:
            self._server.stop()

    def open(self, paths: Sequence[Path]) -> dict[Path, Opened]:
        """Makes these files the ones whose lines are asked about. EngineError, naming it, for one that is not found."""
        from pyspark.errors import AnalysisException

        asked = {_plain(self._address(path)): path for path in paths}
        with _in_our_words():
            raw = self._session.read.format("binaryFile").load([self._address(path) for path in paths])
            try:
                raw.createOrReplaceTempView("raw")
            except AnalysisException as error:  # Spark names it at once; Sail reads those that are there
                lost = asked.get(_plain((error.getMessageParameters() or {}).get("path", "")))
                if lost is None:
                    raise
                raise not_found(lost) from error
        found = {}
        for name, lines in self.rows(_OPEN):
            path = asked.get(_plain(name))
            if path is None:  # a store's own way to write an address: the bucket left out
                path = next((one for there, one in asked.items() if there.endswith("/" + _plain(name))), None)
            if path is not None:
                found[path] = Opened(name, lines)
        for path in paths:
            if path not in found:
                raise not_found(path)
        return found

    def load(self, shards: Iterable[Row]) -> None:
        """Makes `lines` and `events` those of these files: each one's name, its log, the place of its first line."""
        self.table("shards", shards)
        for name, text in (("files", _FILES), ("lines", _LINES), ("events", _EVENTS)):
            self.view(name, text)  # in this order and now: a view keeps the tables that it was made over

    def table(self, name: str, rows: Iterable[Row]) -> None:
        """Makes the rows the table under that name."""
        schema = ", ".join(f"`{column}` {kind}" for column, kind in TABLES[name].items())
        with _in_our_words():
            self._session.createDataFrame(list(rows), schema).createOrReplaceTempView(name)

    def parquet(self, name: str, path: Path) -> None:
        """Makes a Parquet file's rows the table under that name."""
        with _in_our_words():
            self._session.read.parquet(self._address(path)).createOrReplaceTempView(name)

    def view(self, name: str, text: str) -> None:
        """Makes the query's rows known under a name."""
        with _in_our_words():
            self._session.sql(text).createOrReplaceTempView(name)

    def rows(self, text: str) -> Iterator[Row]:
        """The rows of a query."""
        with _in_our_words():
            for row in self._session.sql(text).toLocalIterator():
                yield tuple(row)

    def _address(self, path: Path) -> str:
        text = str(path)
        return self._there + text.removeprefix(self._local) if self._there and text.startswith(self._local) else text


def _knock(remote: str) -> None:
    """Whether anybody is there at all: the client would go on trying for minutes. OSError where not."""
    host, _, port = remote.removeprefix("sc://").split("/")[0].partition(":")
    with socket.create_connection((host, int(port or DEFAULT_PORT)), timeout=10):
        return


def _plain(address: str) -> str:
    """An address without what engines write differently: the scheme, slashes in front, percent signs."""
    return unquote(re.sub(r"^[a-z0-9]+:", "", address)).lstrip("/")


@contextmanager
def _in_our_words(what: str = "cannot read the data") -> Iterator[None]:
    try:
        yield
    except (ImportError, EngineError):
        raise
    except Exception as error:  # its library has no family of errors: gRPC's, its own and Arrow's come through
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise EngineError(f"the engine at Spark's protocol {what}: {text[0][:300]}") from error
