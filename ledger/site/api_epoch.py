"""One epoch in the static API: its stored files byte for byte, what each event came to, and everybody's part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Annotated, Any, NamedTuple

from pydantic import PlainSerializer

from ledger.compute.derive import Derived
from ledger.core.canonical import encode
from ledger.core.evaluate import EventOutcome
from ledger.core.pool import KpiLinearV1, rules_of
from ledger.core.records.statement import Allocation, Payout
from ledger.core.values import UserId
from ledger.site.apifiles import ApiFiles
from ledger.site.checkpoint import leaf_hashes
from ledger.site.spill import Portions, Spill
from ledger.site.views_amend import amendment_views
from ledger.store import layout
from ledger.store.entries import walk
from ledger.store.epochfolder import EpochFolder

OUTCOME_COLUMNS = ("file", "line", "milli_units", "weight_source", "included", "late")
"""What a row of `outcomes.json` holds: index into `activity_files`, line from 1, and what the event came to."""
TRUTH = ("false", "true")


@dataclass(frozen=True)
class EpochEntry:
    """What files about more than one epoch say of this one.

    `weights`: its table by hash; `reviewed`: files that its pool's rules read; `shares`: everybody's part of it as
    lines of canonical JSON; `credits`: what counts of it, by user, where it is finalized.
    """

    summary: Mapping[str, Any]
    weights: Mapping[str, Mapping[str, int]]
    pinned: Mapping[str, Any]
    reviewed: Annotated[frozenset[str], PlainSerializer(sorted)]
    shares: Portions
    credits: Mapping[str, int]


def write_epoch(
    api: ApiFiles,
    spill: Spill,
    folder: EpochFolder,
    derived: Derived,
    state: str,
    outcomes: Iterable[EventOutcome],
    corrected: Mapping[str, int] | None,
    then: Mapping[UserId, str],
) -> EpochEntry:
    """All files of one epoch as they are stored, and what follows from them. `spill`: where shares wait.

    `corrected`: credits of another version in force than the first; `then`: what users were called.
    """
    place = f"epochs/{folder.scope_id}/{folder.epoch_id}"
    names_there = [path.removeprefix(f"{folder.relative}/") for path, _ in walk(folder.root, folder.relative)]
    stored = sorted(name for name in names_there if _is_published(name))
    for name in stored:
        api.put(f"{place}/{name}", folder.beside(f"{folder.relative}/{name}") or b"")
    if "activity.jsonl" not in stored:
        api.put(f"{place}/activity.jsonl", b"")
    if "statement.json" not in stored:
        api.put(f"{place}/statement.json", b"null\n")
    shards = folder.shards()
    files = [f"{place}/{shard.name}" for shard in shards] or [f"{place}/activity.jsonl"]
    statement, epoch = derived.statement, derived.epoch
    summary = {
        "activity_count": statement.activity_count,
        "activity_files": files,
        "amendments": [
            {"state": one.state, "statement_hash": one.statement_hash, "version": one.version}
            for one in amendment_views(folder, {})
        ],
        "awards_total_credits": str(statement.awards_total_credits),
        "epoch_id": folder.epoch_id,
        "files": [f"{place}/{name}" for name in stored],
        "held_credits": str(sum(line.amount_credits for line in statement.held)),
        "period_end": statement.period_end,
        "period_start": statement.period_start,
        "pool_total_credits": str(statement.pool_total_credits),
        "scope_id": folder.scope_id,
        "state": state,
        "statement_hash": statement.statement_hash if state != "open" else None,
        "undistributed_credits": str(statement.undistributed_credits),
    }
    shares, credits = _allocations(api, spill, place, derived, state, corrected, then)
    api.put(f"{place}/outcomes.json", _outcomes(files, outcomes))
    api.put(f"proofs/{folder.scope_id}/{folder.epoch_id}.txt", leaf_hashes(shards, derived.loaded.leaves))
    pinned = {
        "epoch_id": folder.epoch_id,
        "period_start": epoch.period_start,
        "weight_config_hash": epoch.weight_config_hash,
        "weight_policy": epoch.weight_policy,
    }
    reviewed = frozenset(rule.file for rule in rules_of(epoch) if isinstance(rule, KpiLinearV1))
    return EpochEntry(summary, {epoch.weight_config_hash: epoch.weight_config}, pinned, reviewed, shares, credits)


def _allocations(
    api: ApiFiles,
    spill: Spill,
    place: str,
    derived: Derived,
    state: str,
    corrected: Mapping[str, int] | None,
    then: Mapping[UserId, str],
) -> tuple[Portions, dict[str, int]]:
    statement = derived.statement
    payouts = {payout.user_id: payout for payout in statement.payouts}
    allocations = {row.user_id: row for row in derived.evaluation.allocations}
    write = Shares(statement.epoch_id, statement.period_start, statement.scope_id, state)
    rows, lines, credits = list[str](), [], dict[str, int]()
    same = payouts.keys() == allocations.keys()  # in a statement they are sorted
    for user_id in list(payouts) if same else sorted(payouts.keys() | allocations.keys()):
        now = None if corrected is None else corrected.get(user_id, 0)
        payout = payouts.get(user_id)
        row, line = write.lines(user_id, then.get(user_id, user_id[:8]), allocations.get(user_id), payout, now)
        rows.append(row)
        lines.append((user_id, line.encode(), 1))
        if state == "finalized":
            credits[user_id] = now if now is not None else payout.amount_credits if payout else 0
    projected = [
        {
            "amount_credits": str(each.amount_credits),
            "component_id": each.component_id,
            "inputs": each.inputs,
            "rule": each.rule,
        }
        for each in derived.projected
    ]
    held = [line.model_dump() for line in statement.held]
    rest = encode({"held": held, "projected": projected, "state": state}).removeprefix(b"{")
    api.put(f"{place}/allocations.json", b'{"allocations":[' + ",".join(rows).encode() + b"]," + rest + b"\n")
    return Portions.lay(spill, lines), credits


class Shares(NamedTuple):
    """Writes everybody's part of one epoch as canonical JSON. Ten years of a large node are a million lines of each."""

    epoch_id: int
    period_start: str
    scope_id: str
    state: str

    def lines(
        self, user_id: str, name: str, row: Allocation | None, payout: Payout | None, corrected: int | None
    ) -> tuple[str, str]:
        """A user's part in the epoch's own file and in the person's; with an award alone there is no allocation.

        `corrected`: credits by the version in force, where that is not the first.
        """
        count, proposed, final, reason = 0, 0, None, None
        if row is not None:
            count, proposed, final, reason = (
                row.activity_count,
                row.proposed_units,
                row.final_units,
                row.override_reason,
            )
        amount, award, by_share, share = 0, 0, 0, "null"
        if payout is not None:
            amount, award, by_share = payout.amount_credits, payout.award_credits, payout.share_credits
            share = f'"{payout.share}"'
        now = "null" if corrected is None else f'"{corrected}"'
        begin = (
            f'{{"activity_count":{count},"amount_credits":"{amount}","award_credits":"{award}",'
            f'"corrected_credits":{now},'
        )
        set_to = "null" if final is None else f'"{final}"'
        why = f'"override_reason":{"null" if reason is None else quoted(reason)},'
        units = proposed if final is None else final
        return (
            f'{begin}"final_units":{set_to},"name":{quoted(name)},{why}"proposed_units":"{proposed}","share":{share},'
            f'"share_credits":"{by_share}","units":"{units}","user_id":"{user_id}"}}',
            f'{begin}"epoch_id":{self.epoch_id},"final_units":{set_to},{why}"period_start":"{self.period_start}",'
            f'"proposed_units":"{proposed}","scope_id":"{self.scope_id}","share":{share},'
            f'"share_credits":"{by_share}","state":"{self.state}","units":"{units}"}}',
        )


def _is_published(name: str) -> bool:
    """Whether a file in an epoch's folder is one of the record, of the epoch or of an amendment."""
    folder, _, own = name.rpartition("/")
    return layout.kind_of(own, version=2 if folder else 1) is not None


def _outcomes(files: list[str], outcomes: Iterable[EventOutcome]) -> bytes:
    """What each event came to, by user, as rows that point into the raw log (OUTCOME_COLUMNS)."""
    number = {path.rpartition("/")[2]: index for index, path in enumerate(files)}
    users: dict[str, list[str]] = {}
    unresolved: list[str] = []
    for line, path, _, _, _, _, _, _, _, user, included, units, by, late, _ in outcomes:
        row = f'[{number[path]},{line},{units},"{by}",{TRUTH[included]},{TRUTH[late]}]'
        (unresolved if user is None else users.setdefault(user, [])).append(row)
    head = encode({"activity_files": files, "columns": OUTCOME_COLUMNS}).removesuffix(b"}").decode()
    of_users = ",".join([f'"{user}":[{",".join(rows)}]' for user, rows in sorted(users.items())])
    return f'{head},"unresolved":[{",".join(unresolved)}],"users":{{{of_users}}}}}\n'.encode()
