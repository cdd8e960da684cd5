"""How completely each stream was read over an epoch: the one answer that status, the digest and review go by.

Judged by what should be there: every stream that a run of this epoch ever named, and every source of the scope's file;
not by what the last run could name. Coverage is never claimed over what could not be read, so what is missing is what
no cursor covers, and the words of runs say why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger.core.records.activity import Collection
from ledger.core.windows import Window, gaps, merge, whole_hour
from ledger.flows.runlog import ALL_STREAMS
from ledger.flows.session import Session
from ledger.store.epochfolder import EpochFolder


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How completely one stream was read over an epoch's window so far; also a source that no run has read yet.

    `events_seen` counts what runs saw, again where they looked again; 0 means that nobody did anything that counts.
    `read_to`: up to when the window has been read without a hole, empty where not at all.
    """

    source: str
    stream: str
    events_seen: int
    missing: tuple[str, ...]
    troubles: tuple[str, ...]
    read_to: str = ""

    @property
    def complete(self) -> bool:
        """Whether the whole window up to now was read without trouble."""
        return not self.missing and not self.troubles

    @property
    def verdict(self) -> str:
        """`complete`, `complete, quiet` (nothing happened) or `INCOMPLETE`: a quiet week is no missed one."""
        if not self.complete:
            return "INCOMPLETE"
        return "complete" if self.events_seen else "complete, quiet"


def stream_statuses(session: Session, folder: EpochFolder) -> Iterator[StreamStatus]:
    """Completeness of each stream: what of the window up to now no run has covered, and what went wrong meanwhile.

    What a run could not read stands until a later run has looked at the same stretch without trouble.
    """
    epoch = folder.epoch()
    end = min(epoch.period_end, session.now)
    runs: dict[tuple[str, str], list[Collection]] = {}
    for line in folder.collections():
        runs.setdefault((line.source, line.stream), []).append(line)
    cursors = {(line.source, line.stream): line for line in folder.cursors()}
    wanted = Window(epoch.period_start, end) if epoch.period_start < end else None
    for source, stream in sorted(runs.keys() | cursors.keys()):
        lines, cursor = runs.get((source, stream), []), cursors.get((source, stream))
        covered = [Window(part.from_, part.to) for part in cursor.covered] if cursor else []
        holes = gaps(wanted, covered) if wanted else []
        missing = tuple(str(gap) for gap in holes if gap.end != end or end == epoch.period_end)
        seen = sum(line.events_seen for line in lines if line.covered_to > epoch.period_start)
        troubles = tuple(_troubles(lines))
        if not stream.endswith(ALL_STREAMS):
            read_to = holes[0].start if holes else end
            yield StreamStatus(source, stream, seen, missing, troubles, read_to if read_to > epoch.period_start else "")
        elif troubles:
            yield StreamStatus(source, stream.removesuffix(ALL_STREAMS), 0, (), troubles)
    if wanted and whole_hour(end) > epoch.period_start and folder.state() == "open":
        read = {source for source, _ in runs.keys() | cursors.keys()}
        for entry in session.node.scope(folder.scope_id).sources:
            if entry.source not in read:
                yield StreamStatus(entry.source, entry.name, 0, (str(wanted),), ("not read in this epoch yet",))


def _troubles(lines: Sequence[Collection]) -> list[str]:
    """Gaps and errors of runs, the oldest first, but for those whose stretch later runs have looked at again."""
    found: list[str] = []
    later: list[Window] = []
    for line in reversed(lines):
        looked = Window(line.covered_from, line.covered_to)
        if gaps(looked, later):
            found[:0] = (*line.gaps, *line.errors)
        later = merge([*later, looked])
    return list(dict.fromkeys(found))
