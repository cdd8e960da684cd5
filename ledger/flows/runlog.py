"""What runs wrote about the streams of an epoch: where each stands, and what each run saw of it.

`cursors.jsonl` serves CURSOR_STATE_PERSISTED; `collection.jsonl` tells a quiet week from one that was missed. Both are
read once a run, since the run holds the lock: a guild may have hundreds of channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ledger.core.canonical import clean_text
from ledger.core.errors import LedgerError
from ledger.core.records.activity import Collection, Cursor, Interval
from ledger.core.values import Timestamp
from ledger.core.windows import Window
from ledger.flows.session import Session
from ledger.sources.port import StreamCursor
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder

ALL_STREAMS = ":*"
"""What follows a source's name in the record of a run that could not even learn which streams there are."""

Stream = tuple[str, str]
"""A source's kind and the stream's name."""


class RunLog:
    """The two logs of one epoch, for one run under the write lock. `keep`: the kind of source for `course`."""

    def __init__(self, session: Session, folder: EpochFolder, keep: str = "") -> None:
        self._session, self._folder, self._keep = session, folder, keep
        runs = folder.collections()
        self._runs = len(runs)
        self._last_run: dict[Stream, Collection] = {(line.source, line.stream): line for line in runs}
        self._standing: dict[Stream, Cursor] = {}
        self._kept: list[list[Cursor]] = []
        self._cursors = self._take(folder)
        self._epochs_before = folder.epoch_id - 1

    def _take(self, folder: EpochFolder) -> int:
        """Read the cursors of an epoch, the newest first; how many there are."""
        lines = folder.cursors()
        self._standing = {(line.source, line.stream): line for line in lines} | self._standing
        self._kept.append([line for line in lines if line.source == self._keep])
        return len(lines)

    def _take_before(self) -> None:
        self._take(self._session.node.epoch(self._folder.scope_id, self._epochs_before))
        self._epochs_before -= 1

    def cursor(self, source: str, stream: str) -> StreamCursor:
        """Where a stream stands: its last line in this epoch, else in the nearest epoch before."""
        line = self._last(source, stream)
        if line is None:
            return StreamCursor()
        return StreamCursor(tuple(Window(interval.from_, interval.to) for interval in line.covered), line.state)

    def moved(self, source: str, stream: str) -> Timestamp | None:
        """When a stream's cursor was written last; None where it has none."""
        line = self._last(source, stream)
        return None if line is None else line.at

    def _last(self, source: str, stream: str) -> Cursor | None:
        wanted = (source, stream)
        while wanted not in self._standing and self._epochs_before:
            self._take_before()
        return self._standing.get(wanted)

    def course(self, stream: str) -> Iterator[Cursor]:
        """Where a stream of the kind that is kept stood, the newest first; older epochs are read as it is asked on."""
        number = 0
        while number < len(self._kept) or self._epochs_before:
            if number == len(self._kept):
                self._take_before()
            yield from (line for line in reversed(self._kept[number]) if line.stream == stream)
            number += 1

    def streams(self) -> set[str]:
        """The streams of the kind that is kept that have a cursor, in whatever epoch: reads those of all."""
        while self._epochs_before:
            self._take_before()
        return {stream for source, stream in self._standing if source == self._keep}

    def advance(self, source: str, stream: str, after: StreamCursor) -> None:
        """Append where a stream stands now: last of all, once everything that it stands for is on disk."""
        line = Cursor(
            **self._folder.place,
            seq=self._cursors + 1,
            at=self._session.now,
            covered=tuple(Interval(from_=window.start, to=window.end) for window in after.covered),
            source=source,
            state=None if after.state is None else dict(after.state),
            stream=stream,
        )
        append_records(self._folder.root, self._folder.path("cursors.jsonl"), [line])
        self._cursors += 1
        self._standing[source, stream] = line
        if source == self._keep:
            self._kept[0].append(line)

    def failed(self, source: str, stream: str) -> bool:
        """Whether the last run that had something to say about a stream broke off."""
        line = self._last_run.get((source, stream))
        return line is not None and bool(line.errors)

    def record(
        self,
        source: str,
        stream: str,
        looked: Window,
        *,
        seen: int = 0,
        stated: int | None = None,
        counts: Mapping[str, int | str] | None = None,
        gaps: Sequence[str] = (),
        error: LedgerError | None = None,
    ) -> None:
        """Append what one run saw; not again what a killed run had come to write at this very moment."""
        line = Collection(
            **self._folder.place,
            seq=self._runs + 1,
            at=self._session.now,
            counts=dict(counts or {}),
            covered_from=looked.start,
            covered_to=looked.end,
            errors=(clean_text(str(error)),) if error else (),
            events_seen=seen,
            events_stated=stated,
            gaps=tuple(gaps),
            source=source,
            stream=stream,
        )
        known = self._last_run.get((source, stream))
        if known is not None and known.model_dump(exclude={"seq"}) == line.model_dump(exclude={"seq"}):
            return
        append_records(self._folder.root, self._folder.path("collection.jsonl"), [line])
        self._runs += 1
        self._last_run[source, stream] = line
