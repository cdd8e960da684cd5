"""A set of epochs of one scope in the engine's tables: one statement looks at all of them.

What a query answers for the whole set is kept by epoch; `LoadedEpoch` is one epoch's view of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

from ledger.compute.scan import Extent, scan
from ledger.compute.shapes import FLAT, common
from ledger.core.canonical import encode, sha256_hex
from ledger.core.errors import FormatError, StateError
from ledger.core.records.activity import ActivityEvent
from ledger.core.records.epoch import Epoch
from ledger.core.values import Hash
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_file
from ledger.store.layout import IDENTITIES

if TYPE_CHECKING:
    from ledger.compute.engine import Engine

Row = tuple[Any, ...]
_NOTHING = Hash(sha256_hex(b""))
_OTHER_TYPES = {"metadata": "JSON", "quantity": "BIGINT"}
FIELDS = {name: _OTHER_TYPES.get(name, "VARCHAR") for name in sorted(ActivityEvent.model_fields)}
"""The fields of a line and their types in SQL."""
_PLACE = ("node_id", "scope_id")
OF_EVERY_EPOCH = ("totals", "allocations", "unresolved")
"""Queries whose first column is the epoch and whose other columns are its rows, in the query's order."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An epoch to load: its folder, `epoch.json`, and how many lines of the bindings log count (None: all).

    `first`: the place of the log's first line in the epoch's log, which only a worker's shard has after 0.
    """

    folder: EpochFolder
    epoch: Epoch
    identities_size: int | None = None
    first: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One log in the tables: where its rows begin, its extent by its bytes, and what SQL says of it as a whole."""

    first: int
    extent: Extent
    unsound: int
    latest: str
    receipts: int
    refusal: FormatError | None


class Batch:
    """Epochs whose logs lie in the engine's tables. Made by `Engine.load_set`; used until the next load.

    All of one scope, by rising number, each once. FormatError for a log that has no right files. A set of one keeps
    what else is wrong for its findings; a larger one is not made then, so that each epoch is judged by itself.
    """

    def __init__(self, engine: Engine, wanted: Sequence[Wanted]) -> None:
        self._engine, self.wanted = engine, tuple(wanted)
        self._answers: dict[str, dict[int, list[Row]]] = {}
        self._going: tuple[int, Iterator[Row]] | None = None
        self._decided: Hashable = None
        self._overridden: Hashable = None
        for each in wanted if len(wanted) > 1 else ():
            each.folder.curation()
            each.folder.overrides()
        logs = [each.folder.shards() for each in wanted]
        numbers = [each.folder.epoch_id for each in wanted]
        ends: list[str | None] = [None] * (numbers[-1] - numbers[0] + 1)
        for each in wanted:
            ends[each.folder.epoch_id - numbers[0]] = each.epoch.period_end
        paths = engine.paths([shard for shards in logs for shard in shards])
        refusal: FormatError | None = None
        rows: dict[int, Row] = {}
        with ThreadPoolExecutor(1) as beside:
            hashing = beside.submit(self._measure, logs, get_ident())  # DuckDB lets go of the GIL
            try:
                engine.materialise_trusting(
                    "events",
                    shards=paths,
                    node_id=wanted[0].epoch.node_id,
                    scope_id=wanted[0].epoch.scope_id,
                    first=numbers[0],
                    ends=ends,
                    fields=encode(FIELDS).decode(),
                    inner=encode({name: kind for name, kind in FIELDS.items() if name not in _PLACE}).decode(),
                    flat=FLAT,
                    **common([Path(path) for path in paths])._asdict(),
                )
                rows = {number: tuple(row) for number, *row in engine.rows("extent")}
            except FormatError as error:
                refusal = error
            extents = hashing.result()
        self.seen: dict[int, Seen] = {}
        first = 0
        for each, extent in zip(wanted, extents, strict=True):
            lines, octets, unsound, latest, receipts = rows.get(each.folder.epoch_id, (0, 0, 0, "", 0))
            if refusal is None and (extent.torn or (lines, octets) != (sum(extent.lines), sum(extent.octets))):
                refusal = FormatError("the log is no sequence of text lines", path=each.folder.path("activity.jsonl"))
            self.seen[each.folder.epoch_id] = Seen(first, extent, unsound, latest or "", receipts, refusal)
            first += sum(extent.lines)
        if refusal is not None and len(wanted) > 1:
            raise refusal
        engine.materialise(
            "places",
            epochs=numbers,
            logs=[each.folder.path("activity.jsonl").rpartition("/")[0] for each in wanted],
            period_starts=[each.epoch.period_start for each in wanted],
            sizes=[each.identities_size for each in wanted],
        )

    def _measure(self, logs: Sequence[Sequence[Path]], loading: int) -> list[Extent]:
        """The extent of each log. Where one is refused, what the thread `loading` makes of them is ended."""
        try:
            return [scan(shards, each.first, each.folder.path) for each, shards in zip(self.wanted, logs, strict=True)]
        except FormatError:
            self._engine.interrupt(loading)
            raise

    def must_be_loaded(self) -> None:
        """StateError when the engine holds another set by now."""
        if not self._engine.holds(self):
            raise StateError("another epoch was loaded since", hint="Load this epoch again.")

    @cached_property
    def repeating(self) -> frozenset[int]:
        """The epochs with ids that stand elsewhere too. Asking also remembers the ids for the sets after."""
        found = frozenset(number for (number,) in self._engine.rows("twice"))
        self._engine.remember([each.folder.path("activity.jsonl").rpartition("/")[0] for each in self.wanted])
        return found

    def rows(self, name: str, epoch: int) -> list[Row]:
        """One epoch's rows of a query of `OF_EVERY_EPOCH`, which is asked once for the set."""
        if name not in self._answers:
            found: defaultdict[int, list[Row]] = defaultdict(list)
            for row in self._engine.rows(name):
                found[row[0]].append(row[1:])
            self._answers[name] = dict(found)
        return self._answers[name].get(epoch, [])

    def outcome_rows(self, epoch: int) -> Iterator[Row]:
        """One epoch's rows of the query of that name.

        Epochs that are asked for one after another are answered by one statement, which is a third of the work.
        """
        first, count = self.seen[epoch].first, sum(self.seen[epoch].extent.lines)
        going, self._going = self._going, None
        if going is not None and going[0] == first:
            rows = going[1]
        else:
            rows = self._engine.rows("outcome_rows", first=epoch, last=self.wanted[-1].folder.epoch_id, id=None)
        yield from islice(rows, count)
        self._going = first + count, rows

    def decide(self) -> None:
        """Fills the table of outcomes from bindings, decisions and weights as they lie on disk.

        Once for a larger set, whose files do not change; for a set of one whenever they did. Raises what core refuses.
        """
        if self._decided is not None and len(self.wanted) > 1:
            return
        for each in self.wanted:
            each.folder.curation()  # core refuses what SQL would read too kindly
        engine = self._engine
        accounts = sha256_hex(read_file(self.wanted[0].folder.root, IDENTITIES) or b"")
        of = accounts, self._written("curation.jsonl")
        if self._decided == of:
            return
        self._answers.clear()
        engine.materialise("accounts", of=accounts, path=engine.paths([self.wanted[0].folder.root / IDENTITIES]))
        engine.materialise("decisions", of=of[1], **self._parts("curation.jsonl", of[1]))
        weights = [
            (each.folder.epoch_id, kind, weight)
            for each in self.wanted
            for kind, weight in each.epoch.weight_config.items()
        ]
        engine.materialise(
            "rated",
            epochs=[epoch for epoch, _, _ in weights],
            kinds=[kind for _, kind, _ in weights],
            weights=[weight for *_, weight in weights],
        )
        engine.materialise("outcomes")
        self._decided = of

    def override(self) -> None:
        """Fills the table of overrides, as `decide` does that of outcomes."""
        if self._overridden is not None and len(self.wanted) > 1:
            return
        for each in self.wanted:
            each.folder.overrides()
        of = self._written("overrides.jsonl")
        if self._overridden != of:
            self._answers.pop("allocations", None)
            self._engine.materialise("overrides", of=of, **self._parts("overrides.jsonl", of))
            self._overridden = of

    def _written(self, name: str) -> tuple[tuple[int, Hash], ...]:
        """What is in a log of decisions, by its hash, of each epoch where anything is: of most, nothing."""
        hashes = ((each.folder.epoch_id, each.folder.hash_of(name)) for each in self.wanted)
        return tuple((epoch, of) for epoch, of in hashes if of != _NOTHING)

    def _parts(self, name: str, written: Iterable[tuple[int, Hash]]) -> dict[str, object]:
        """The files of a log of decisions of the epochs that have one, and whose each of them is."""
        having = {epoch for epoch, _ in written}
        found = [
            (path, each.folder.epoch_id)
            for each in self.wanted
            if each.folder.epoch_id in having
            for part in each.folder.parts(name)
            for path in self._engine.paths([each.folder.root / part])
        ] or [(path, 0) for path in self._engine.paths([])]
        return {"paths": [path for path, _ in found], "epochs": [epoch for _, epoch in found]}
