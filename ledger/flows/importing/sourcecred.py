"""Move in from SourceCred: people become bindings, its share-outs history, its balances opening balances."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from ledger.core.errors import InputError
from ledger.flows.importing.bring import bring
from ledger.flows.importing.terms import Report, Terms
from ledger.flows.session import Session
from ledger.imports import sourcecred
from ledger.imports.found import HistoryDraft, Identity
from ledger.imports.scores import compute_again, read_scores
from ledger.imports.weights import proposed_weights

SCORES = ("output/credGrainView", "output/credGrainView.json", "output/accounts.json")
AGAIN_AT_MOST = 200_000
"""Receipts up to which past share-outs are computed again."""
KEPT_AT_MOST = 3_000_000
"""Receipts up to which the history is kept while the file is read; a longer file is read twice, so that memory is
bounded (about 130 bytes a receipt)."""


def import_sourcecred(session: Session, scope_id: str, folder: Path, terms: Terms, *, write: bool) -> Report:
    """Read a SourceCred instance; with `write`, bring it into the scope. InputError names its file and line."""
    path = folder / "data" / "ledger.json"
    replay, digest, kept = sourcecred.Replay(), hashlib.sha256(), list[HistoryDraft]()
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise InputError(
                f"no ledger of SourceCred: {error.strerror}",
                path=str(path),
                hint="Name the folder of an instance: the one with sourcecred.json, config/ and data/.",
            ) from None
        size = path.stat().st_size
        if size > 50_000_000:
            replay.given = None  # only for computing again, which is told as not tried
        session.tell(f"reading {path.name}: {size:,} bytes")
        try:
            for number, event in sourcecred.events(_hashed(file, digest)):
                kept += replay.step(number, event)
                if replay.receipts > KEPT_AT_MOST:
                    kept.clear()
        except InputError as error:
            raise error.at(str(path)) from None
    identities = replay.identities()
    report = Report("sourcecred", scope_id, digest.hexdigest(), "grain", sourcecred.DECIMALS)
    report.counts = {"share-outs": replay.allocations, "receipts": replay.receipts}
    if replay.off_budget:
        report.counts["share-outs whose receipts are not their budget"] = len(replay.off_budget)
    report.again = _again(folder, replay, identities)
    report.weights = _weights(folder)
    report.wallets = sum(len(each.wallets) for each in identities)

    def drafts() -> Iterator[HistoryDraft]:
        if replay.receipts <= KEPT_AT_MOST:
            yield from kept
            return
        again = sourcecred.Replay()
        again.given = None
        with path.open("rb") as file:
            for number, event in sourcecred.events(file):
                yield from again.step(number, event)

    return bring(session, identities, drafts, terms, report, path.name, write=write)


def _hashed(file: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    for line in file:
        digest.update(line)
        yield line


def _again(folder: Path, replay: sourcecred.Replay, identities: Sequence[Identity]) -> dict[str, int]:
    if replay.given is None or replay.receipts > AGAIN_AT_MOST:
        return {"not tried, since there are so many": replay.allocations}
    scores = None
    for name in SCORES:
        path = folder / name
        if path.is_file():
            scores = read_scores(path.read_bytes(), str(path))
            break
    now: Mapping[str, str] = {own: each.ids[0] for each in identities for own in each.ids}
    return dict(sorted(Counter(compute_again(replay.given, scores, now)).items()))


def _weights(folder: Path) -> str:
    path = folder / "config" / "weights.json"
    plugins = {f"sourcecred/{each.name}" for each in (folder / "config" / "plugins" / "sourcecred").glob("*")}
    return proposed_weights(path.read_bytes() if path.is_file() else None, str(path), plugins)
