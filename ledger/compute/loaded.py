"""One epoch in the engine: what is wrong with its log, and what its events come to.

The same answers as `ledger.core.evaluate`, which is the reference; sums and joins run in DuckDB, and every total
passes core's bound. Each place is told as path and line.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from ledger.compute.inspect import judge
from ledger.compute.scan import broken_lines, check_lines, pick_lines, scan
from ledger.core.bounds import FINDINGS
from ledger.core.canonical import sha256_hex
from ledger.core.errors import FormatError, StateError
from ledger.core.evaluate import Evaluation, EventOutcome, Finding, Total, UnresolvedAccount, event_units
from ledger.core.findings import first_findings
from ledger.core.payout import bounded_sum
from ledger.core.records import Allocation, Epoch
from ledger.core.values import MAX_AMOUNT, Hash, Timestamp, Units
from ledger.store.files import read_file
from ledger.store.layout import IDENTITIES
from ledger.store.node import EpochFolder

if TYPE_CHECKING:
    from ledger.compute.engine import Engine

_HINT = "Restore the log from git; the ledger writes canonical lines only, so an editor or another tool changed it."


class LoadedEpoch:
    """An epoch whose log lies in the engine's tables. Made by `Engine.load`; used until the next load."""

    def __init__(self, engine: Engine, folder: EpochFolder, epoch: Epoch, identities_size: int | None) -> None:
        self._engine = engine
        self._folder = folder
        self._epoch = epoch
        self._identities_size = identities_size
        self._shards = folder.shards()
        for shard in self._shards:
            check_lines(shard, folder.path(shard.name))
        self._refusal: FormatError | None = None
        paths = engine.paths(self._shards)
        with ThreadPoolExecutor(1) as beside:
            hashing = beside.submit(scan, self._shards)  # DuckDB lets go of the GIL while it parses
            try:
                engine.materialise(
                    "events",
                    shards=paths,
                    node_id=epoch.node_id,
                    scope_id=epoch.scope_id,
                    period_end=epoch.period_end,
                )
                ((*seen, self._unsound_lines),) = engine.rows("extent")
            except FormatError as error:
                seen, self._unsound_lines, self._refusal = [], 0, error
            extent = hashing.result()
        self._ends = tuple(accumulate(extent.lines))
        if self._refusal is None and (extent.torn or seen != [self.activity_count, sum(extent.octets)]):
            self._refusal = FormatError("the log is no sequence of text lines", path=folder.path("activity.jsonl"))
        self.activity_root: Hash = extent.root

    @property
    def activity_count(self) -> int:
        """Lines of the log."""
        return self._ends[-1] if self._ends else 0

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong with the log by itself, and ids that an epoch checked before on this engine holds too.

        PROVENANCE_REQUIRED (the form of a line included), NODE_SCOPED, SCOPE_SCOPED, ACTIVITY_IDEMPOTENT,
        EPOCH_WINDOW_UNIQUE. Asking also remembers the ids for the epochs after.
        """
        self._must_be_loaded()
        if self._refusal is not None:
            return tuple(first_findings(self._broken()))
        return (*first_findings(self._judged(self._suspects())), *self._repeated())

    def ingested_after(self, closed: Timestamp) -> Iterator[Finding]:
        """Events that were taken in after `closed`, the moment of review (INGESTION_CLOSED_ON_REVIEW)."""
        self._must_be_loaded()
        if self._refusal is None:
            for number, at in self._engine.rows("ingested_after", closed=closed, most=FINDINGS):
                path, line = self._where(number)
                yield Finding("INGESTION_CLOSED_ON_REVIEW", "event after review began", path, line, closed, at)

    def evaluate(self) -> Evaluation:
        """Units per user, what is unresolved, and totals.

        Raises FormatError when a line cannot be read, InputError (ALL_MATH_BIGINT) when a total leaves 64 bits.
        """
        self._decide()
        engine, place = self._engine, self._folder.place
        kinds = list(engine.rows("totals"))
        if any(largest > MAX_AMOUNT for *_, largest in kinds):
            ((number, quantity, units),) = engine.rows("overflow", most=MAX_AMOUNT)
            event_units(quantity, units // quantity, *self._where(number))  # raises, naming the line
        totals = tuple(
            Total(source, kind, count, counted, bounded_sum((units,), "units"), quantity)
            for source, kind, count, counted, units, quantity, _ in kinds
        )
        self._folder.overrides()  # core refuses what SQL would read too kindly
        engine.materialise(
            "overrides",
            of=self._folder.hash_of("overrides.jsonl"),
            path=engine.paths([self._folder.root / path for path in self._folder.parts("overrides.jsonl")]),
        )
        allocations = tuple(
            Allocation(
                **place,
                activity_count=count,
                final_units=final,
                override_reason=reason,
                proposed_units=Units(bounded_sum((proposed,), "a user's units")),
                user_id=user,
            )
            for user, count, proposed, final, reason in engine.rows("allocations")
        )
        bounded_sum((row.units for row in allocations), "units")
        unresolved = tuple(
            UnresolvedAccount(source, account, login, count, bounded_sum((units,), "an account's units"))
            for source, account, login, count, units in engine.rows("unresolved")
        )
        return Evaluation(
            activity_count=self.activity_count,
            activity_root=self.activity_root,
            allocations=allocations,
            unresolved=unresolved,
            unresolved_count=sum(account.event_count for account in unresolved),
            totals=totals,
        )

    def outcomes(self) -> Iterator[EventOutcome]:
        """What each event came to, in log order; `path` is the shard's name. Raises as `evaluate` does."""
        self._decide()
        return self._outcomes(None)

    def find(self, event_id: str) -> EventOutcome | None:
        """The outcome of one event, None when the epoch does not hold it."""
        self._decide()
        return next(self._outcomes(event_id), None)

    def _outcomes(self, event_id: str | None) -> Iterator[EventOutcome]:
        rows = self._engine.rows("outcome_rows", period_start=self._epoch.period_start, id=event_id)
        for number, *fields in rows:
            shard, line = self._place(number)
            outcome = EventOutcome(line, self._shards[shard].name, *fields)
            event_units(outcome.quantity, outcome.units // outcome.quantity, *self._where(number))
            yield outcome

    def _decide(self) -> None:
        """Fills the table of outcomes from bindings, decisions and weights as they lie on disk."""
        self._must_be_loaded()
        self._must_be_readable()
        engine, folder = self._engine, self._folder
        folder.curation()  # core refuses what SQL would read too kindly
        accounts = (self._identities_size, sha256_hex(read_file(folder.root, IDENTITIES) or b""))
        decisions = folder.hash_of("curation.jsonl")
        engine.materialise("accounts", of=accounts, path=engine.paths([folder.root / IDENTITIES]), size=accounts[0])
        curation = [folder.root / path for path in folder.parts("curation.jsonl")]
        engine.materialise("decisions", of=decisions, path=engine.paths(curation))
        weights = self._epoch.weight_config
        engine.materialise(
            "outcomes", of=(self, accounts, decisions), kinds=list(weights), weights=list(weights.values())
        )

    def _must_be_loaded(self) -> None:
        if not self._engine.holds(self):
            raise StateError("another epoch was loaded since", hint="Load this epoch again.")

    def _must_be_readable(self) -> None:
        if self._refusal is not None:
            raise self._error(next(self._broken()))
        for finding in self._judged(self._suspects()):
            if finding.rule == "PROVENANCE_REQUIRED" and finding.expected is None:  # core refuses the line itself
                raise self._error(finding)

    def _place(self, number: int) -> tuple[int, int]:
        """Shard index and line (from 1) of the log's line `number` (from 0)."""
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
        if not found and self._refusal is not None:
            yield Finding("PROVENANCE_REQUIRED", self._refusal.message, self._folder.path("activity.jsonl"))

    def _suspects(self) -> list[int]:
        """The lines (from 0) that SQL doubts."""
        if not self._unsound_lines:  # a query costs a millisecond or two: much, over hundreds of small epochs
            return []
        return [number for (number,) in self._engine.rows("suspects")]

    def _judged(self, numbers: list[int]) -> Iterator[Finding]:
        """What core says of these lines of the log (from 0, rising)."""
        for shard, places in groupby(map(self._place, numbers), key=lambda place: place[0]):
            path = self._folder.path(self._shards[shard].name)
            for line, raw in pick_lines(self._shards[shard], [line for _, line in places]):
                yield from judge(raw, self._epoch, path, line)

    def _error(self, finding: Finding) -> FormatError:
        return FormatError(finding.message, rule=finding.rule, path=finding.path, line=finding.line, hint=_HINT)

    def _repeated(self) -> Iterator[Finding]:
        log = self._folder.path("activity.jsonl").rpartition("/")[0]  # an amendment's events are the base's
        for number, event_id, first in self._engine.rows("repeated", most=FINDINGS):
            path, line = self._where(number)
            before = "{}:{}".format(*self._where(first))
            yield Finding("ACTIVITY_IDEMPOTENT", f"event {event_id} is in the log twice; first at {before}", path, line)
        for number, event_id, other in self._engine.rows("seen_before", log=log, most=FINDINGS):
            path, line = self._where(number)
            yield Finding("ACTIVITY_IDEMPOTENT", f"event {event_id} is in another epoch too: {other}", path, line)
        self._engine.remember(log)
