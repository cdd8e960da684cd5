"""One epoch in the engine: what is wrong with its log, and what its events come to.

The same answers as `ledger.core.evaluate`, which is the reference; sums and joins run in DuckDB, and every total
passes core's bound. Each place is told as path and line.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate, groupby, starmap
from typing import TYPE_CHECKING, Any

from ledger.compute.batch import OF_EVERY_EPOCH, Batch, Wanted
from ledger.compute.inspect import judge
from ledger.compute.scan import broken_lines, pick_lines
from ledger.compute.sums import AccountSum, KindSum, Sums, UserSum, evaluation
from ledger.core.bounds import FINDINGS
from ledger.core.errors import FormatError
from ledger.core.evaluate import Evaluation, EventOutcome, Finding, event_units
from ledger.core.findings import first_findings
from ledger.core.values import MAX_AMOUNT, Hash, Timestamp

if TYPE_CHECKING:
    from ledger.compute.engine import Engine

_HINT = "Restore the log from git; the ledger writes canonical lines only, so an editor or another tool changed it."


class LoadedEpoch:
    """An epoch whose log lies in the engine's tables. Made by `Engine.load`; used until the next load."""

    def __init__(self, engine: Engine, batch: Batch, wanted: Wanted) -> None:
        self._engine, self._batch = engine, batch
        self._folder, self._epoch = wanted.folder, wanted.epoch
        self._number = wanted.folder.epoch_id
        self._seen = batch.seen[self._number]
        self._shards = wanted.folder.shards()
        self._ends = tuple(accumulate(self._seen.extent.lines))
        self.extent = self._seen.extent
        self.latest = self._seen.latest

    @property
    def is_loaded(self) -> bool:
        """Whether the engine holds the epoch still."""
        return self._engine.holds(self._batch)

    @property
    def activity_root(self) -> Hash:
        """The root over the log's lines."""
        return self.extent.root

    @property
    def activity_count(self) -> int:
        """Lines of the log."""
        return self._ends[-1] if self._ends else 0

    @property
    def leaves(self) -> bytes | None:
        """The leaf hashes under the root, one after another, where they are at hand."""
        return self.extent.leaves

    @property
    def lacks_receipts(self) -> bool:
        """Whether every line is right, and none is the event of a receipt or has the id of one."""
        return self._seen.refusal is None and not self._seen.unsound and not self._seen.receipts

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong with the log by itself, and ids that an epoch checked before on this engine holds too.

        PROVENANCE_REQUIRED (the form of a line included), NODE_SCOPED, SCOPE_SCOPED, ACTIVITY_IDEMPOTENT,
        EPOCH_WINDOW_UNIQUE. Asking also remembers the ids for the epochs after.
        """
        self._batch.must_be_loaded()
        if self._seen.refusal is not None:
            return tuple(first_findings(self._broken()))
        return (*first_findings(self._judged(self._suspects())), *self._repeated())

    def ingested_after(self, closed: Timestamp) -> Iterator[Finding]:
        """Events that were taken in after `closed`, the moment of review (INGESTION_CLOSED_ON_REVIEW)."""
        self._batch.must_be_loaded()
        if self._seen.refusal is None and self._seen.latest > closed:
            for number, at in self._rows("ingested_after", closed=closed, most=FINDINGS):
                path, line = self._where(number)
                yield Finding("INGESTION_CLOSED_ON_REVIEW", "event after review began", path, line, closed, at)

    def evaluate(self) -> Evaluation:
        """Units per user, what is unresolved, and totals.

        Raises FormatError when a line cannot be read, InputError (ALL_MATH_BIGINT) when a total leaves 64 bits.
        """
        sums = self.sums()
        self._must_be_within(sums)
        return evaluation(self._folder.place, self.activity_count, self.activity_root, sums)

    def sums(self) -> Sums:
        """What `evaluate` is made of. FormatError when a line or a decision cannot be read."""
        self._decide()
        self._batch.override()
        kinds, users, accounts = (self._batch.rows(name, self._number) for name in OF_EVERY_EPOCH)
        return Sums(
            tuple(starmap(KindSum, kinds)), tuple(starmap(UserSum, users)), tuple(starmap(AccountSum, accounts))
        )

    def _must_be_within(self, sums: Sums) -> None:
        """InputError (ALL_MATH_BIGINT) that names the line of an event whose units leave 64 bits, where one's do."""
        if any(kind.largest > MAX_AMOUNT for kind in sums.kinds):
            ((number, quantity, units),) = self._rows("overflow", most=MAX_AMOUNT)
            event_units(quantity, units // quantity, *self._where(number))  # raises, naming the line

    def outcomes(self) -> Iterator[EventOutcome]:
        """What each event came to, in log order; `path` is the shard's name. Raises as `evaluate` does."""
        self._decide()
        return map(self._bounded, self._outcomes(self._batch.outcome_rows(self._number)))

    def find(self, event_id: str) -> EventOutcome | None:
        """The outcome of one event, None when the epoch does not hold it; its units may be past 64 bits."""
        self._decide()
        first = last = self._number
        return next(self._outcomes(self._engine.rows("outcome_rows", first=first, last=last, id=event_id)), None)

    def _bounded(self, event: EventOutcome) -> EventOutcome:
        if event.units > MAX_AMOUNT:  # raises, naming the line
            event_units(event.quantity, event.units // event.quantity, self._folder.path(event.path), event.line)
        return event

    def _outcomes(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[EventOutcome]:
        shard = end = before = 0
        name = ""
        for row in rows:
            number = row[0] - self._seen.first
            while number >= end:
                name, before, end = self._shards[shard].name, end, self._ends[shard]
                shard += 1
            yield EventOutcome._make((number + 1 - before, name, *row[1:]))

    def _rows(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """The rows of a query about this one epoch."""
        return self._engine.rows(query, epoch=self._number, **parameters)

    def _decide(self) -> None:
        self._batch.must_be_loaded()
        self.must_be_readable()
        self._batch.decide()

    def must_be_readable(self) -> None:
        """FormatError for the first line that core cannot read."""
        if self._seen.refusal is not None:
            raise self._error(next(self._broken()))
        for finding in self._judged(self._suspects()):
            if finding.rule == "PROVENANCE_REQUIRED" and finding.expected is None:  # core refuses the line itself
                raise self._error(finding)

    def _place(self, number: int) -> tuple[int, int]:
        """Shard index and line (from 1) of the row `number` (from 0, over all logs of the set)."""
        number -= self._seen.first
        shard = bisect_right(self._ends, number)
        return shard, number + 1 - (self._ends[shard - 1] if shard else 0)

    def _where(self, number: int) -> tuple[str, int]:
        shard, line = self._place(number)
        return self._folder.path(self._shards[shard].name), line

    def _broken(self) -> Iterator[Finding]:
        found = False
        for shard in self._shards:
            for error in broken_lines(shard, self._folder.path(shard.name)):
                found = True
                yield Finding("PROVENANCE_REQUIRED", error.message, error.path or "", error.line)
        if not found and self._seen.refusal is not None:
            yield Finding("PROVENANCE_REQUIRED", self._seen.refusal.message, self._folder.path("activity.jsonl"))

    def _suspects(self) -> list[int]:
        """The rows that SQL doubts."""
        return [number for (number,) in self._rows("suspects")] if self._seen.unsound else []

    def _judged(self, numbers: list[int]) -> Iterator[Finding]:
        """What core says of these rows (rising)."""
        for shard, places in groupby(map(self._place, numbers), key=lambda place: place[0]):
            path = self._folder.path(self._shards[shard].name)
            for line, raw in pick_lines(self._shards[shard], [line for _, line in places]):
                yield from judge(raw, self._epoch, path, line)

    def _error(self, finding: Finding) -> FormatError:
        return FormatError(finding.message, rule=finding.rule, path=finding.path, line=finding.line, hint=_HINT)

    def _repeated(self) -> Iterator[Finding]:
        if self._number not in self._batch.repeating:
            return
        log = self._folder.path("activity.jsonl").rpartition("/")[0]  # an amendment's events are the base's
        for number, event_id, first in self._rows("repeated", most=FINDINGS):
            path, line = self._where(number)
            before = "{}:{}".format(*self._where(first))
            yield Finding("ACTIVITY_IDEMPOTENT", f"event {event_id} is in the log twice; first at {before}", path, line)
        for number, event_id, other in self._rows("seen_before", log=log, most=FINDINGS):
            path, line = self._where(number)
            yield Finding("ACTIVITY_IDEMPOTENT", f"event {event_id} is in another epoch too: {other}", path, line)
