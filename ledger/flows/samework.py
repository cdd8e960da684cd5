"""Keep work that was recorded before out of the units, on the record, and find rows that repeat another.

The decisions are the policy's, name the first event, and can be taken back by `include` (specification, section 6).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ledger.core.records.decisions import Curation
from ledger.core.samework import RECORDED_AGAIN, SAME_WORK, Again, Work, alike, recorded_again
from ledger.core.spam import POLICY_ACTOR
from ledger.core.values import EventId
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.node import EpochFolder

Present = Callable[[str, Collection[str]], Collection[str]]
"""Of a kind of source and ids of its events: those that its world still holds."""


def leave_out(session: Session, folder: EpochFolder, present: Present) -> int:
    """Exclude the epoch's events that are work recorded before; how many. Call inside the write lock, while open."""
    sources = {source for source, _ in kinds_of(session, folder)}
    works = _works(session, folder, "same_work", sources=RECORDED_AGAIN) if sources.intersection(RECORDED_AGAIN) else []
    asked = {work.id for work in works if work.source == "git"}
    there = set(present("git", asked)) if asked else set()
    decided = {line.event_id for line in folder.curation() if line.action in ("include", "exclude")}
    pairs = [pair for pair in recorded_again(works, there.__contains__) if pair.id not in decided]
    first = len(folder.curation()) + 1
    lines = [
        Curation(
            **folder.place,
            action="exclude",
            actor=POLICY_ACTOR,
            at=session.now,
            event_id=pair.id,
            evidence=None,
            note=f"{SAME_WORK}{pair.first}",
            seq=number,
            user_id=None,
            weight_override_milli=None,
        )
        for number, pair in enumerate(pairs, start=first)
    ]
    append_records(folder.root, folder.path("curation.jsonl"), lines)
    return len(lines)


def kinds_of(session: Session, folder: EpochFolder) -> list[tuple[str, str]]:
    """Source and type of the epoch's events, each once; asked anew only where the log is another than it was."""
    engine, shards = session.engine, folder.shards()
    log = tuple((str(shard), shard.stat().st_size, shard.stat().st_mtime_ns) for shard in shards)
    if log not in session.kinds:
        session.kinds[log] = [(row[0], row[1]) for row in engine.rows("kinds", shards=engine.paths(shards))]
    return session.kinds[log]


def _works(session: Session, folder: EpochFolder, query: str, **values: object) -> list[Work]:
    """What a query finds over the scope's epochs up to this one, but for logs with no event of an hour of its own."""
    engine, settled, here = session.engine, session.settled, folder.shards()
    epochs = [each for each in session.node.epochs(folder.scope_id) if each.epoch_id <= folder.epoch_id]
    shards = [shard for each in epochs for shard in settled.shards(each)]
    if covered := settled.covers(folder.scope_id).difference(here):
        hours = [hour for (hour,) in engine.rows("hours", shards=engine.paths(here))]
        without = covered - settled.logs_at(folder.scope_id, hours)
        shards = [shard for shard in shards if shard not in without]
    places = {"shards": engine.paths(shards), "here": engine.paths(here)}
    return [Work(*row) for row in engine.rows(query, **places, **values)]


def repeated(session: Session, folder: EpochFolder) -> list[Again]:
    """The epoch's events that repeat another in all but the id, and that nobody has left out."""
    left_out = standing(folder.curation())
    return [pair for pair in alike(_works(session, folder, "alike")) if pair.id not in left_out]


def standing(lines: Sequence[Curation]) -> dict[EventId, Curation]:
    """The exclusions that stand, by event."""
    found: dict[EventId, Curation] = {}
    for line in lines:
        if line.action == "exclude":
            found[line.event_id] = line
        elif line.action == "include":
            found.pop(line.event_id, None)
    return found
