"""One locked-down DuckDB connection for one node.

Untrusted bytes go through it, so it reads the node's directory and nothing else, and nobody can unlock it. Queries
are the files in `sql/`; values reach them as bound parameters only. It must not know what a flow does with the answers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import get_ident
from types import TracebackType
from typing import Self

import duckdb

from ledger.compute.batch import Batch, Row, Wanted
from ledger.compute.loaded import LoadedEpoch
from ledger.core.canonical import sha256_hex
from ledger.core.errors import FormatError, LedgerError
from ledger.core.records.epoch import Epoch
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import check_no_link
from ledger.store.scratch import Scratch

__all__ = ["Engine", "LoadedEpoch", "Wanted"]

ROWS_AT_A_TIME = 2_000
SMALL_BYTES = 4_000_000
"""Bytes of a log up to which it is hashed first, to see whether the tables hold it already."""


@cache
def query(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files("ledger.compute") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


class Engine:
    """Serves any number of epochs of the node at `root`, one loaded at a time. A context manager.

    `memory_limit` is DuckDB's own; past it, it spills to a temporary directory. `threads`: None takes all cores.
    `parts`: where the hashes of ids of its parts go, which is such a directory of another engine (None: its own).
    Raises LedgerError, never a DuckDB error.
    """

    def __init__(
        self, root: Path, *, memory_limit: str = "1GB", threads: int | None = None, parts: Path | None = None
    ) -> None:
        self._given_root = root.absolute()
        self.root = root.resolve()
        self._spill = Scratch()
        spill = self._spill.path.resolve()
        self.parts = parts or spill
        self._nothing = spill / "empty.jsonl"
        self._nothing.touch()
        self._loaded: Batch | None = None
        self._content: Hashable = None
        self._remembered: set[str] = set()
        self._part: int | None = None
        self._made: dict[str, Hashable] = {}
        self._database = duckdb.connect(":memory:")
        self._begun: dict[int, duckdb.DuckDBPyConnection] = {}
        settings: dict[str, object] = {} if threads is None else {"threads": threads}
        settings |= {
            "memory_limit": memory_limit,
            "allocator_flush_threshold": "16MB",  # else the allocator keeps some 60 MB for itself
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "allowed_directories": [str(self.root), str(spill), str(self.parts)],
            "enable_external_access": False,
            "disabled_optimizers": "compressed_materialization",  # plans small queries in three quarters of the time
            "lock_configuration": True,
        }
        for name, value in settings.items():
            self._database.execute(f"SET {name} = $value", {"value": value})
        self._forget_seen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives memory and the spill directory back."""
        self._database.close()
        self._spill.cleanup()

    def load(self, folder: EpochFolder, epoch: Epoch, identities_size: int | None = None) -> LoadedEpoch:
        """Reads and hashes an epoch's activity log and proves its form; the epoch loaded before is let go.

        `identities_size`: how many lines of the bindings log count (None: all of it as it stands).
        """
        wanted = Wanted(folder, epoch, identities_size)
        content = _content(wanted)
        if content is None or content != self._content or self._loaded is None:
            loaded = self.load_set([wanted])[0]
            self._content = content
            return loaded
        self._loaded.wanted = (wanted,)
        return LoadedEpoch(self, self._loaded, wanted)

    def load_set(self, wanted: Sequence[Wanted]) -> list[LoadedEpoch]:
        """The same for several epochs of one scope, by rising number, whose files do not change meanwhile.

        FormatError where something is wrong with one of their logs as a whole: load each by itself then.
        """
        self._loaded = self._content = None
        self._loaded = batch = Batch(self, wanted)
        return [LoadedEpoch(self, batch, each) for each in wanted]

    def holds(self, batch: Batch) -> bool:
        """Whether the tables are those of `batch`."""
        return self._loaded is batch

    def paths(self, paths: Sequence[Path]) -> list[str]:
        """The node's files as DuckDB is to read them, links refused; a log that does not exist counts as empty."""
        found = []
        for path in paths:
            relative = path.absolute().relative_to(self._given_root).as_posix()
            check_no_link(self.root, relative)
            if (self.root / relative).is_file():
                found.append(str(self.root / relative))
        return found or [str(self._nothing)]

    @property
    def scratch(self) -> Path:
        """A folder of this engine's own, whose files its queries can read; it goes with the engine."""
        return self._nothing.parent

    def rows(self, name: str, **parameters: object) -> Iterator[Row]:
        """The rows of a query, a batch at a time, in the query's order."""
        cursor = self.execute(query(name), parameters)
        while True:
            with _in_our_words():
                batch = cursor.fetchmany(ROWS_AT_A_TIME)
            if not batch:
                return
            yield from batch

    def materialise(self, name: str, *, of: Hashable = None, **parameters: object) -> None:
        """Makes the query's rows the table of the same name, in place of an older one.

        `of`: the content that the rows follow from; a table that was made from the same stays as it is.
        """
        if of is not None and self._made.get(name) == of:
            return
        self._made.pop(name, None)
        self.execute(f"CREATE OR REPLACE TABLE {name} AS {query(name)}", parameters).fetchall()
        self._made[name] = of

    def materialise_trusting(self, name: str, **parameters: object) -> None:
        """`materialise`, first as if all could be parsed; where something cannot, once more with `doubted` true."""
        try:
            self.materialise(name, doubted=False, **parameters)
        except FormatError as error:
            if not isinstance(error.__cause__, duckdb.InvalidInputException):  # ended from outside, or a file is gone
                raise
            self.materialise(name, doubted=True, **parameters)

    def remember(self, logs: Sequence[str]) -> None:
        """Makes the loaded events' ids the ones seen in these logs, for the search across epochs."""
        if not self._remembered.isdisjoint(logs):
            self.execute("DELETE FROM seen WHERE list_contains($logs, log)", {"logs": list(logs)}).fetchall()
        self._remembered.update(logs)
        self.execute(f"INSERT INTO seen {query('seen_here')}", {}).fetchall()
        if self._part is not None:
            self.execute(f"INSERT INTO met {query('met_here')}", {"part": self._part}).fetchall()

    def remember_elsewhere(self, shards: Sequence[Path]) -> None:
        """Makes the ids of logs that are not loaded the ones seen there. FormatError where they are no text."""
        if shards:
            values = {"shards": self.paths(shards), "skip": len(str(self.root)) + 1}
            self.execute(f"INSERT INTO seen {query('ids_elsewhere')}", values).fetchall()

    def remember_apart(self, log: str, shards: Sequence[Path]) -> bool:
        """As `remember` for a log proved elsewhere; whether each of its ids stands once, and in no log before."""
        if log not in self._remembered:
            self._remembered.add(log)
            self.remember_elsewhere(shards)
            if self._part is not None:
                self.execute(f"INSERT INTO met {query('met_apart')}", {"part": self._part, "log": log}).fetchall()
        return not next(self.rows("seen_twice", log=log))[0]

    def begin_part(self, part: int) -> None:
        """From now on ids are remembered as of this part of the node (from 1), their hashes too; those of a part before
        are let go.

        Ids that were remembered before the first part are those of part 0.
        """
        if self._part is not None:
            self._forget_seen()
        self.execute(f"CREATE OR REPLACE TABLE met AS {query('met_before')}", {}).fetchall()
        self._part = part

    def ids_of_part(self) -> None:
        """Writes the hashes of the part that was begun last for `add_part` of the engine in whose `parts` they go."""
        values = {"part": self._part, "path": self._path_of(self._part)}
        self.execute(f"COPY ({query('met_part')}) TO $path (FORMAT parquet)", values).fetchall()

    def add_part(self, part: int) -> None:
        """Takes the hashes of ids of a part that another engine looked at."""
        values = {"part": part, "path": self._path_of(part)}
        self.execute("INSERT INTO met SELECT hash, $part FROM read_parquet($path)", values).fetchall()

    def _path_of(self, part: int | None) -> str:
        return str(self.parts / f"{part}.parquet")

    def parts_share_an_id(self) -> bool:
        """Whether an id may stand in two parts: never missed, and wrongly feared about once in 10^5 large nodes."""
        return bool(next(self.rows("met_twice"))[0])

    def forget_ids(self) -> None:
        """As if no epoch had been looked at yet."""
        self._forget_seen()
        self.execute("DROP TABLE IF EXISTS met", {}).fetchall()
        self._part = None

    def _forget_seen(self) -> None:
        self.execute("CREATE OR REPLACE TABLE seen (id VARCHAR, log VARCHAR)", {}).fetchall()
        self._remembered.clear()

    def execute(self, text: str, parameters: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        """Runs one statement on a cursor of its own, so that results may be read side by side."""
        with _in_our_words():
            cursor = self._begun[get_ident()] = self._database.cursor()
            return cursor.execute(text, parameters)

    def interrupt(self, thread: int) -> None:
        """From another thread: what a thread (its `get_ident`) began last ends with an error, if it is not done yet."""
        if (cursor := self._begun.get(thread)) is not None:
            cursor.interrupt()


def _content(wanted: Wanted) -> Hashable:
    """What the tables of one small epoch follow from, besides bindings and decisions; None for one that is not small.

    An act asks for the same epoch several times: to review, sign and finalize it are five.
    """
    shards = wanted.folder.shards()
    if sum(shard.stat().st_size for shard in shards) > SMALL_BYTES:
        return None
    logs = tuple((str(shard), sha256_hex(shard.read_bytes())) for shard in shards)
    return wanted.folder.where, wanted.epoch.encode(), wanted.identities_size, logs


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LedgerError(f"DuckDB ran out of memory: {_first(error)}", hint="Raise memory_limit.") from error
    except duckdb.Error as error:
        raise FormatError(f"DuckDB cannot read the data: {_first(error)}", hint="Restore it from git.") from error
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # what DuckDB makes of a signal whose handler raises
            raise KeyboardInterrupt from error
        raise


def _first(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
