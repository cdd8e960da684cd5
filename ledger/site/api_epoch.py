"""One epoch in the static API: its stored files byte for byte, what each event came to, and everybody's part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Annotated, Any

from pydantic import PlainSerializer

from ledger.compute.derive import Derived
from ledger.core.canonical import encode
from ledger.core.evaluate import EventOutcome
from ledger.core.pool import KpiLinearV1, rules_of
from ledger.core.records.statement import Allocation, Payout
from ledger.site.apifiles import ApiFiles
from ledger.site.checkpoint import leaf_hashes
from ledger.site.spill import Portions, Spill
from ledger.site.views_amend import amendment_views, credits_in_force
from ledger.site.words import bound_names
from ledger.store import layout
from ledger.store.entries import walk
from ledger.store.epochfolder import EpochFolder

OUTCOME_COLUMNS = ("file", "line", "milli_units", "weight_source", "included", "late")
"""What a row of `outcomes.json` holds: index into `activity_files`, line from 1, and what the event came to."""


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
    api: ApiFiles, spill: Spill, folder: EpochFolder, derived: Derived, state: str, outcomes: Iterable[EventOutcome]
) -> EpochEntry:
    """All files of one epoch as they are stored, and what follows from them. `spill`: where shares wait."""
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
    shares, credits = _allocations(api, spill, place, derived, state)
    api.put_json(f"{place}/outcomes.json", _outcomes(files, outcomes))
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
    api: ApiFiles, spill: Spill, place: str, derived: Derived, state: str
) -> tuple[Portions, dict[str, int]]:
    statement, corrected = derived.statement, credits_in_force(derived.folder)
    then = bound_names(derived.bindings)
    payouts = {payout.user_id: payout for payout in statement.payouts}
    allocations = {row.user_id: row for row in derived.evaluation.allocations}
    rows, lines, credits = list[str](), [], dict[str, int]()
    for user_id in sorted(payouts.keys() | allocations.keys()):
        now = None if corrected is None else corrected.get(user_id, 0)
        share = _share(allocations.get(user_id), payouts.get(user_id), now)
        rows.append(allocation_line(share, then.get(user_id, user_id[:8]), user_id))
        line = share_line(share, statement.epoch_id, statement.period_start, statement.scope_id, state)
        lines.append((user_id, line.encode(), 1))
        if state == "finalized":
            credits[user_id] = int(share["amount_credits"]) if now is None else now
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


def _share(row: Allocation | None, payout: Payout | None, corrected: int | None) -> dict[str, Any]:
    """One user's part of one epoch; with an award alone there is no allocation.

    `corrected`: credits by the version in force, where that is not the first.
    """
    proposed = "0" if row is None else str(row.proposed_units)
    final = None if row is None or row.final_units is None else str(row.final_units)
    return {
        "activity_count": 0 if row is None else row.activity_count,
        "amount_credits": str(payout.amount_credits) if payout else "0",
        "award_credits": str(payout.award_credits) if payout else "0",
        "corrected_credits": None if corrected is None else str(corrected),
        "final_units": final,
        "override_reason": None if row is None else row.override_reason,
        "proposed_units": proposed,
        "share": payout.share if payout else None,
        "share_credits": str(payout.share_credits) if payout else "0",
        "units": proposed if final is None else final,
    }


def allocation_line(share: Mapping[str, Any], name: str, user_id: str) -> str:
    """A user's part of an epoch in the epoch's own file, in canonical form, as `share_line` in the person's."""
    return (
        f'{{"activity_count":{share["activity_count"]},"amount_credits":"{share["amount_credits"]}",'
        f'"award_credits":"{share["award_credits"]}","corrected_credits":{_text(share["corrected_credits"])},'
        f'"final_units":{_text(share["final_units"])},"name":{quoted(name)},'
        f'"override_reason":{_text(share["override_reason"])},"proposed_units":"{share["proposed_units"]}",'
        f'"share":{_text(share["share"])},"share_credits":"{share["share_credits"]}","units":"{share["units"]}",'
        f'"user_id":"{user_id}"}}'
    )


def share_line(share: Mapping[str, Any], epoch_id: int, period_start: str, scope_id: str, state: str) -> str:
    """A user's part of an epoch with the epoch itself, in canonical form (a test holds it to `core.canonical.encode`).

    Ten years of a large node are a million of them.
    """
    return (
        f'{{"activity_count":{share["activity_count"]},"amount_credits":"{share["amount_credits"]}",'
        f'"award_credits":"{share["award_credits"]}","corrected_credits":{_text(share["corrected_credits"])},'
        f'"epoch_id":{epoch_id},"final_units":{_text(share["final_units"])},'
        f'"override_reason":{_text(share["override_reason"])},"period_start":"{period_start}",'
        f'"proposed_units":"{share["proposed_units"]}","scope_id":"{scope_id}","share":{_text(share["share"])},'
        f'"share_credits":"{share["share_credits"]}","state":"{state}","units":"{share["units"]}"}}'
    )


def _text(value: str | None) -> str:
    return "null" if value is None else quoted(value)


def _is_published(name: str) -> bool:
    """Whether a file in an epoch's folder is one of the record, of the epoch or of an amendment."""
    folder, _, own = name.rpartition("/")
    return layout.kind_of(own, version=2 if folder else 1) is not None


def _outcomes(files: list[str], outcomes: Iterable[EventOutcome]) -> dict[str, Any]:
    """What each event came to, by user, as rows that point into the raw log (OUTCOME_COLUMNS)."""
    number = {path.rpartition("/")[2]: index for index, path in enumerate(files)}
    users: dict[str, list[tuple[object, ...]]] = {}
    unresolved: list[tuple[object, ...]] = []
    for event in outcomes:
        rows = unresolved if event.user_id is None else users.setdefault(event.user_id, [])
        rows.append((number[event.path], event.line, event.units, event.weight_source, event.included, event.late))
    return {"activity_files": files, "columns": OUTCOME_COLUMNS, "unresolved": unresolved, "users": users}
