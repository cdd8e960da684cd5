"""Which ids a node holds already, asked by the ids that come: what they cost follows them, not the node.

Of finalized logs an index says into which to look (`compute/settled`), of the others one pass over them. Those logs are
read exactly, each once and only when something came that may lie there: in a common week that is the open epoch's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ledger.compute.engine import Engine, query
from ledger.compute.segment import Segment, fingerprints
from ledger.compute.settled import Settled, read_segment


class Held:
    """The ids in the logs of each scope as they lie on disk now. FormatError for a log with a line that is no event."""

    def __init__(self, engine: Engine, logs: Mapping[str, Sequence[Path]], settled: Settled | None = None) -> None:
        self._engine = engine
        self._parts: list[tuple[Segment, Sequence[Path]]] = []
        for scope_id, shards in logs.items():
            covered: frozenset[Path] = frozenset()
            if settled is not None:
                covered = settled.covers(scope_id)
                for segment in settled.segments(scope_id):
                    self._parts.append((segment, [settled.root / log.path for log in segment.logs]))
            if rest := [path for path in shards if path not in covered]:
                self._parts.append((read_segment(engine, scope_id, rest), rest))
        self._read: set[Path] = set()
        engine.materialise("held_exactly", shards=engine.paths([]), scope="")

    def find(self, ids: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """Scope, id and payload hash of those of the ids that are held."""
        if not self._parts or not ids:
            return
        asked = fingerprints(ids)
        for segment, shards in self._parts:
            for place in sorted(segment.logs_of(asked)):
                self._read_exactly(segment.scope_id, shards[place])
        if self._read:
            for row in self._engine.rows("held_rows", ids=list(ids)):
                yield row[0], row[1], row[2]

    def _read_exactly(self, scope_id: str, shard: Path) -> None:
        if shard not in self._read:
            values = {"shards": self._engine.paths([shard]), "scope": scope_id}
            self._engine.execute(f"INSERT INTO held_exactly {query('held_exactly')}", values).fetchall()
            self._read.add(shard)

    def beyond(self, scope_id: str, prefix: str, standing: Callable[[], Collection[str]]) -> list[str]:
        """The ids of a scope that begin with `prefix`, which is that of a `file` source, and are none of `standing`."""
        mine = [part for part in self._parts if part[0].scope_id == scope_id and prefix in part[0].ids]
        if not mine:
            return []
        there = set(standing())
        numbers = set(fingerprints(there).get(prefix, ()))
        logs = [shards[place] for segment, shards in mine for place in sorted(segment.logs_without(prefix, numbers))]
        if not logs:
            return []
        rows = self._engine.rows("ids_that_begin", shards=self._engine.paths(logs), prefix=prefix)
        return [key for (key,) in rows if key.partition("#")[0] not in there]
