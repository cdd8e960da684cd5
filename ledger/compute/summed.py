"""An epoch whose sums and root were made elsewhere: by workers, shard by shard, or by another engine.

Where its events themselves are asked for, `whole` answers, the epoch as the one engine loads it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from ledger.compute.loaded import LoadedEpoch
from ledger.compute.sums import Sums, evaluation
from ledger.core.evaluate import Evaluation, EventOutcome, Finding
from ledger.core.values import MAX_AMOUNT, Hash, Timestamp
from ledger.store.epochfolder import PlaceFields


class SummedEpoch(LoadedEpoch):
    """Answers as `LoadedEpoch` does, from the sums, the root and the number of lines that it was given."""

    def __init__(self, place: PlaceFields, count: int, root: Hash, sums: Sums) -> None:
        self._place_of_records, self._count, self._root, self._sums = place, count, root, sums

    @property
    @abstractmethod
    def whole(self) -> LoadedEpoch:
        """The epoch as the engine loads it."""

    @property
    def activity_root(self) -> Hash:
        """The root over the log's lines."""
        return self._root

    @property
    def activity_count(self) -> int:
        """Lines of the log."""
        return self._count

    @property
    def leaves(self) -> None:
        """They were made elsewhere."""
        return None

    @property
    def lacks_receipts(self) -> bool:
        """Not known: the log itself is to be looked at."""
        return False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong with the log."""
        return self.whole.findings

    def ingested_after(self, closed: Timestamp) -> Iterator[Finding]:
        """Events that were taken in after `closed`."""
        return self.whole.ingested_after(closed)

    def evaluate(self) -> Evaluation:
        """Units per user, what is unresolved, and totals; raises as that of the whole epoch does."""
        if any(kind.largest > MAX_AMOUNT for kind in self._sums.kinds):
            self.whole.evaluate()  # raises, naming the line
        return evaluation(self._place_of_records, self._count, self._root, self._sums)

    def sums(self) -> Sums:
        """What `evaluate` is made of."""
        return self._sums

    def outcomes(self) -> Iterator[EventOutcome]:
        """What each event came to."""
        return self.whole.outcomes()

    def find(self, event_id: str) -> EventOutcome | None:
        """The outcome of one event."""
        return self.whole.find(event_id)
