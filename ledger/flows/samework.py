"""Keep work that was recorded before out of the units, on the record, and find rows that repeat another.

The decisions are the policy's, name the first event, and can be taken back by `include` (specification, section 6).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from ledger.compute.engine import query
from ledger.compute.moments import Moment, moments
from ledger.core.records.decisions import Curation
from ledger.core.samework import RECORDED_AGAIN, SAME_WORK, Again, Work, alike, recorded_again
from ledger.core.spam import POLICY_ACTOR
from ledger.core.values import EventId
from ledger.flows.session import Session
from ledger.sources.port import Ready
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder

Present = Callable[[str, Collection[str]], Collection[str]]
"""Of a kind of source and ids of its events: those that its world still holds."""


def leave_out(session: Session, folder: EpochFolder, present: Present) -> int:
    """Exclude the epoch's events that are work recorded before; how many. Call inside the write lock, while open."""
    hours = _hours([kind for kind in kinds_of(session, folder) if kind.source in RECORDED_AGAIN])
    again = bool(hours) and _may_be_again(session, folder, hours)
    works = _works(session, folder, "same_work", hours, sources=RECORDED_AGAIN) if again else []
    asked = {work.id for work in works if work.source == "git"}
    there = set(present("git", asked)) if asked else set()
    decided = {line.event_id for line in folder.curation() if line.action in ("include", "exclude")}
    pairs = [pair for pair in recorded_again(works, there.__contains__) if pair.id not in decided]
    return exclude(session, folder, pairs, SAME_WORK)


def exclude(session: Session, folder: EpochFolder, pairs: Sequence[Again], words: str) -> int:
    """Write down that these are left out, with a note of these words and the first event; how many they are."""
    first = len(folder.curation()) + 1
    lines = [
        Curation(
            **folder.place,
            action="exclude",
            actor=POLICY_ACTOR,
            at=session.now,
            event_id=pair.id,
            evidence=None,
            note=f"{words}{pair.first}",
            seq=number,
            user_id=None,
            weight_override_milli=None,
        )
        for number, pair in enumerate(pairs, start=first)
    ]
    append_records(folder.root, folder.path("curation.jsonl"), lines)
    return len(lines)


class Kind(NamedTuple):
    """A kind of event in an epoch, and the hours in which events of it happened, as numbers."""

    source: str
    event_type: str
    hours: Sequence[int]


def kinds_of(session: Session, folder: EpochFolder) -> list[Kind]:
    """The kinds of the epoch's events, each once; asked anew only where the log is another than it was."""
    engine, log = session.engine, _log(folder)
    if log and log not in session.kinds:
        shards = folder.shards()
        small = moments(session.node.root, shards)
        rows = engine.rows("kinds", shards=engine.paths(shards)) if small is None else _kinds(chain(*small))
        session.kinds[log] = [(source, event_type, hours) for source, event_type, hours in rows]
    return [Kind(*row) for row in session.kinds.get(log, [])]


def _kinds(events: Iterable[Moment]) -> Iterator[tuple[str, str, list[int]]]:
    """What `kinds` tells of a log."""
    found: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for event in events:
        found[event.source.decode(), event.event_type.decode()].add(event.hour)
    for kind, hours in sorted(found.items()):
        yield *kind, sorted(hours)


def know(session: Session, folder: EpochFolder, events: Ready) -> None:
    """Keep what the epoch's log would be read for, which holds these events and no others as it stands now."""
    log = _log(folder)
    session.kinds[log] = list(events.kinds())
    if events.apart():
        session.apart.add(log)


def _log(folder: EpochFolder) -> tuple[Hashable, ...]:
    """What tells that an epoch's log is as it was; nothing where there is none."""
    return tuple(
        (str(shard), facts.st_size, facts.st_mtime_ns) for shard in folder.shards() for facts in [shard.stat()]
    )


def _hours(kinds: Sequence[Kind]) -> list[int]:
    return sorted({hour for kind in kinds for hour in kind.hours})


def _may_be_again(session: Session, folder: EpochFolder, hours: Sequence[int]) -> bool:
    """Whether an event of the epoch may share source, kind and moment with another: small logs tell at once."""
    near, own = session.settled.near(folder, hours), folder.shards()
    small = moments(session.node.root, near)
    if small is None:
        return True
    counts = Counter(chain(*small))
    return any(counts[event] > 1 for event in chain(*small[len(near) - len(own) :]))


def _works(session: Session, folder: EpochFolder, name: str, hours: Sequence[int], **values: object) -> list[Work]:
    """What `works` finds in what a query takes from the scope's epochs up to this one.

    Older logs with no event of these hours are passed over.
    """
    engine = session.engine
    shards = session.settled.near(folder, hours)
    places = {"shards": engine.paths(shards), "here": engine.paths(folder.shards())}
    engine.execute(f"CREATE OR REPLACE TABLE near AS {query(name)}", {**places, **values}).fetchall()
    return [Work(*row) for row in engine.rows("works")]


def repeated(session: Session, folder: EpochFolder) -> list[Again]:
    """The epoch's events that repeat another in all but the id, and that nobody has left out."""
    left_out = standing(folder.curation())
    hours = _hours(kinds_of(session, folder))
    if _log(folder) in session.apart and session.settled.near(folder, hours) == folder.shards():
        return []
    return [pair for pair in alike(_works(session, folder, "alike", hours)) if pair.id not in left_out]


def standing(lines: Sequence[Curation]) -> dict[EventId, Curation]:
    """The exclusions that stand, by event."""
    found: dict[EventId, Curation] = {}
    for line in lines:
        if line.action == "exclude":
            found[line.event_id] = line
        elif line.action == "include":
            found.pop(line.event_id, None)
    return found
