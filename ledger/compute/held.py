"""Which ids a node holds already, asked by the ids that come: what they cost follows them, besides one pass over ids.

The pass keeps twelve bytes an event, a hash that only says into which logs to look. Those are read exactly, each once
and only when something came that may lie there: in a common week that is the open epoch's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ledger.compute.engine import Engine, query


class Held:
    """The ids in the logs of each scope as they lie on disk now. FormatError for a log that is no JSON lines."""

    def __init__(self, engine: Engine, logs: Mapping[str, Sequence[Path]]) -> None:
        self._engine = engine
        self._logs = [(scope_id, engine.paths([shard])) for scope_id, shards in logs.items() for shard in shards]
        self._read: list[int] = []
        if self._logs:
            engine.materialise("held", shards=[path for _, paths in self._logs for path in paths])
            engine.materialise("held_exactly", shards=engine.paths([]), scope="")

    def find(self, ids: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """Scope, id and payload hash of those of the ids that are held."""
        if not self._logs or not ids:
            return
        engine, asked = self._engine, list(ids)
        for (place,) in engine.rows("held_logs", ids=asked, read=self._read):
            scope_id, paths = self._logs[place]
            values = {"shards": paths, "scope": scope_id}
            engine.execute(f"INSERT INTO held_exactly {query('held_exactly')}", values).fetchall()
            self._read.append(place)
        for scope_id, key, payload_hash in engine.rows("held_rows", ids=asked):
            yield scope_id, key, payload_hash

    def ids(self, scope_id: str, prefix: str) -> list[str]:
        """The ids of a scope that begin so, read anew."""
        shards = [path for scope, paths in self._logs if scope == scope_id for path in paths] or self._engine.paths([])
        return [key for (key,) in self._engine.rows("ids_that_begin", shards=shards, prefix=prefix)]
