"""What each run saw of each stream (`collection.jsonl`), so that a quiet week differs from one that was missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.core.canonical import clean_text
from ledger.core.errors import LedgerError
from ledger.core.records import Collection
from ledger.core.windows import Window
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.node import EpochFolder

ALL_STREAMS = ":*"
"""What follows a source's name in the record of a run that could not even learn which streams there are."""


def last_run(folder: EpochFolder, source: str, stream: str) -> Collection | None:
    """The record of the last run that had something to say about a stream."""
    lines = reversed(folder.collections())
    return next((line for line in lines if (line.source, line.stream) == (source, stream)), None)


def record_run(
    session: Session,
    folder: EpochFolder,
    source: str,
    stream: str,
    looked: Window,
    *,
    seen: int = 0,
    stated: int | None = None,
    counts: Mapping[str, int] | None = None,
    gaps: Sequence[str] = (),
    error: LedgerError | None = None,
) -> None:
    """Append one run's record; not again what a killed run had come to write at this very moment."""
    line = Collection(
        **folder.place,
        seq=len(folder.collections()) + 1,
        at=session.now,
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
    known = last_run(folder, source, stream)
    if known is None or known.model_dump(exclude={"seq"}) != line.model_dump(exclude={"seq"}):
        append_records(folder.root, folder.path("collection.jsonl"), [line])
