"""`ledger amend`: correct a finalized epoch in the open; version 1 stays where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.group import Group
from ledger.cli.options import (
    NUMBER,
    actor_option,
    json_option,
    node_option,
    now_option,
    options,
    scope_option,
    session,
)
from ledger.cli.output import emit, note, out

if TYPE_CHECKING:
    from ledger.flows.amend import Amendment

amend_options = options(
    node_option,
    scope_option,
    click.option("--epoch", "epoch_id", type=NUMBER, required=True, help="The finalized epoch."),
    actor_option,
    now_option,
    json_option,
)
why_options = options(
    click.option(
        "--kind",
        type=click.Choice(["error", "late_evidence", "fraud", "revoked_receipt", "redaction"]),
        required=True,
        help="What makes it necessary.",
    ),
    click.option("--reason", required=True, help="Why, in words; it is published with the amendment."),
    click.option("--evidence", default="", help="A link that shows it."),
)


@click.group(cls=Group)
def amend() -> None:
    """Correct a finalized epoch by a new version of its statement; the first one is never changed or hidden.

    Begin, decide as in an epoch (curate, override, award, with --epoch), then review, sign and finalize it.
    """


@amend.command("begin")
@amend_options
@why_options
def begin(
    node_dir: Path | None,
    scope_id: str | None,
    epoch_id: int,
    actor: str | None,
    now: str | None,
    as_json: bool,
    kind: str,
    reason: str,
    evidence: str,
) -> None:
    """Begin to amend an epoch, as an approver.

    Example: ledger amend begin --epoch 3 --kind late_evidence --reason "Dana's account was bound a day late"
    """
    from ledger.flows.amend import begin as flow

    with session(node_dir, now, actor) as run:
        folder = flow(run, run.node.epoch(run.scope_id(scope_id), epoch_id), kind, reason, evidence)
    if as_json:
        emit("amendment-begun/1", {"path": folder.relative, "version": folder.version})
        return
    out(folder.relative)
    note(f"version {folder.version} of epoch {epoch_id} is open: decide with --epoch {epoch_id}, then")
    note(f"ledger review --epoch {epoch_id}; ledger amend status --epoch {epoch_id} says what it changes for whom")


@amend.command("status")
@amend_options
def status(
    node_dir: Path | None, scope_id: str | None, epoch_id: int, actor: str | None, now: str | None, as_json: bool
) -> None:
    """Who gets what by the newest amendment, beside the version before.

    Example: ledger amend status --epoch 3
    """
    from ledger.flows.amend import amendment

    with session(node_dir, now, actor) as run:
        found = amendment(run, run.folder(run.scope_id(scope_id), epoch_id))
    if as_json:
        emit("amendment/1", _told(found))
        return
    out(f"{found.folder.scope_id}/{epoch_id}, version {found.folder.version}, {found.state}: {found.reason.reason}")
    for delta in found.deltas:
        out(f"{delta.change:+}  {delta.before} → {delta.after}  {delta.name}")
    if not found.deltas:
        out("nobody's amount changes")
    if found.overpaid:
        note(f"{found.overpaid} credits were paid that nobody is owed then: netted against what follows, or waived")


def _told(found: Amendment) -> dict[str, object]:
    return {
        "scope_id": found.folder.scope_id,
        "epoch_id": found.folder.epoch_id,
        "version": found.folder.version,
        "state": found.state,
        "kind": found.reason.kind,
        "reason": found.reason.reason,
        "deltas": [
            {"key": delta.key, "name": delta.name, "before": str(delta.before), "after": str(delta.after)}
            for delta in found.deltas
        ],
        "taken_back_credits": str(found.taken_back),
        "overpaid_credits": str(found.overpaid),
        "statement": found.statement,
    }


@amend.command("abandon")
@amend_options
def abandon(
    node_dir: Path | None, scope_id: str | None, epoch_id: int, actor: str | None, now: str | None, as_json: bool
) -> None:
    """Give up an amendment that is not finalized; nothing of it was ever in force.

    Example: ledger amend abandon --epoch 3
    """
    from ledger.flows.amend import abandon as flow

    with session(node_dir, now, actor) as run:
        folder = flow(run, run.folder(run.scope_id(scope_id), epoch_id))
    if as_json:
        emit("amendment-abandoned/1", {"path": folder.relative, "version": folder.version})
    else:
        note(f"version {folder.version} of epoch {epoch_id} is given up; the statement before stays in force")
