"""What people should look at before anyone signs, in words: the same for collect, status and the digest.

Work that came again, rows that repeat others or are gone, kinds without a weight, accounts that a `.mailmap` moved,
machines that were left out. Reads only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ledger.compute.derive import Derived
from ledger.core.onework import REASON as SAME_PERSON
from ledger.core.receipts import SOURCE as RECEIPT
from ledger.core.samework import PERHAPS, SAME_WORK
from ledger.core.weighing import unweighed
from ledger.flows.receipts.events import same_work
from ledger.flows.samework import kinds_of, repeated, standing
from ledger.flows.session import EpochFolder, Session
from ledger.sources.machines import kept

NAMED = 5
"""Events that are named one by one; of the others it is said how many they are."""

Remark = tuple[str, str]
"""Whom or what it is about, and what there is to say."""


def remarks(session: Session, folder: EpochFolder, derived: Derived | None) -> list[Remark]:
    """All of an epoch's remarks, the ones about money first. `derived`: None where every kind has a weight."""
    weights = () if derived is None else _weights(derived)
    return [*weights, *_again(session, folder), *_collected(folder)]


def _weights(derived: Derived) -> Iterator[Remark]:
    for one in unweighed(derived.evaluation.totals, derived.epoch.weight_config):
        likely = f"; {one.likely} is like it and has one" if one.likely else ""
        yield (
            _events(one.event_count, f"of kind {one.kind}"),
            f"counted as 0: the weights do not name that kind{likely}",
        )


def _again(session: Session, folder: EpochFolder) -> Iterator[Remark]:
    notes = [line.note or "" for line in standing(folder.curation()).values()]
    if count := sum(note.startswith(SAME_WORK) for note in notes):
        yield (
            _events(count),
            "left out: work that was recorded before (rewritten history, a repository imported anew)",
        )
    if count := sum(note.startswith(PERHAPS) for note in notes):
        yield (
            _events(count),
            "held back: a branch was rewritten, and these may be commits of it that were recorded before under another "
            "date; include what is other work (the notes of the decisions name the commits that are gone)",
        )
    if count := sum(note.startswith(SAME_PERSON) for note in notes):
        yield _events(count), "left out: a co-author who is the author, or an earlier co-author, under another account"
    decided = standing(folder.curation())
    vouched = any(kind.source == RECEIPT for kind in kinds_of(session, folder))
    twice = [pair for pair in sorted(same_work(folder).items()) if pair[0] not in decided] if vouched else []
    for event_id, receipt in twice[:NAMED]:
        yield event_id, f"has the link of {receipt}: the same work twice? Both count unless one is excluded"
    if len(twice) > NAMED:
        yield f"{len(twice) - NAMED} more", "have the link of a receipt"
    pairs = repeated(session, folder)
    for pair in pairs[:NAMED]:
        yield pair.id, f"repeats {pair.first} in all but the id; both count unless one is excluded"
    if len(pairs) > NAMED:
        yield f"{len(pairs) - NAMED} more", "repeat another event in all but the id"


def _collected(folder: EpochFolder) -> Iterator[Remark]:
    counts: Counter[str] = Counter()
    gone: dict[tuple[str, str], tuple[int, str]] = {}
    for line in folder.collections():
        counts.update({name: value for name, value in line.counts.items() if type(value) is int})
        if "rows_gone" in line.counts or line.source == "file":
            gone[line.source, line.stream] = int(line.counts.get("rows_gone") or 0), str(line.counts.get("gone") or "")
    for (_, stream), (count, names) in sorted(gone.items()):
        if count:
            yield f"{stream}: {names}", "no longer in the file; their events stay and count"
    if counts["mailmap_redirected"]:
        yield (
            _events(counts["mailmap_redirected"]),
            "given to another account than the commit names, by the project's .mailmap (`written_as` has the other)",
        )
    if counts["mailmap_bound_kept"]:
        yield (
            _events(counts["mailmap_bound_kept"]),
            "kept with whom the ledger bound the account to, though the project's .mailmap says otherwise",
        )
    if counts["reverts"] or counts["empty_commits"]:
        yield (
            f"{counts['reverts']} commits undo others, {counts['empty_commits']} change nothing",
            "and count like any unless decided otherwise",
        )
    machines = {name.removeprefix("machine_"): count for name, count in counts.items() if name.startswith("machine_")}
    if machines := {name: count for name, count in sorted(machines.items()) if count}:
        told = ", ".join(f"{kept().title(name)} {count}" for name, count in machines.items())
        yield told, "left out as machines; bind one to claim it (docs/sources.md)"


def _events(count: int, of: str = "") -> str:
    return f"{count} event{'s' * (count != 1)}" + (f" {of}" if of else "")
