"""`ledger review`, `statement`, `sign`, `finalize`: from an ended week to a closed epoch."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.decide import tell_draft
from ledger.cli.options import actor_option, epoch_options, message_option, session
from ledger.cli.output import emit, note, out
from ledger.core.errors import UsageError


@click.command()
@epoch_options
@actor_option
@click.option(
    "--accept-gap",
    "gaps",
    multiple=True,
    metavar="SOURCE",
    help="Accept, on the record, that this source is incomplete.",
)
@click.option("--repin", is_flag=True, help="Pin the scope's present approvers anew; voids the signatures so far.")
def review(
    node_dir: Path | None,
    scope_id: str | None,
    epoch_id: int | None,
    now: str | None,
    as_json: bool,
    actor: str | None,
    gaps: tuple[str, ...],
    repin: bool,
) -> None:
    """Collect a last time, close the epoch to new activity, pin its approvers and draft the statement.

    `ledger collect` does this by itself once the window and the node's grace have passed.

    Example: ledger review --accept-gap chat
    """
    from ledger.core.nextset import to_sign
    from ledger.flows.ingest import Ingest
    from ledger.flows.opening import RUN_ACTOR
    from ledger.flows.review import repin as repin_flow
    from ledger.flows.review import review as flow
    from ledger.flows.session import locked

    with session(node_dir, now, actor) as run:
        folder = run.folder(run.scope_id(scope_id), epoch_id)
        with locked(run):
            if repin:
                draft = repin_flow(run, folder, run.actor or RUN_ACTOR)
                changed = draft is not None
            else:
                result = flow(run, folder, Ingest(run), accepted_gaps=gaps, actor=run.actor or RUN_ACTOR)
                draft, changed = result.draft, not result.already or result.draft.changed
        statement = folder.statement()
        waits = to_sign(folder.chain(), run.node.scope(folder.scope_id)) is not None
    hash_ = statement.statement_hash if statement else None
    if as_json:
        emit("review/1", {"epoch_id": folder.epoch_id, "statement_hash": hash_, "changed": changed})
        return
    out(hash_)
    if not changed:
        note(f"nothing changed: epoch {folder.epoch_id} is in review already")
    else:
        tell_draft(draft)
        if waits:
            note("next: `ledger approvers message` gives the approver set to sign first, once")
        note("next: `ledger statement --message` gives the text to sign")


@click.command()
@epoch_options
@message_option
@click.option("--refresh", is_flag=True, help="Draft anew over the bindings as they are now (in review).")
def statement(
    node_dir: Path | None,
    scope_id: str | None,
    epoch_id: int | None,
    now: str | None,
    as_json: bool,
    message: bool,
    refresh: bool,
) -> None:
    """The statement as it stands: provisional while open, the draft in review, final once finalized.

    Example: ledger statement --message | my-wallet sign
    """
    from ledger.core.signing import signed_text
    from ledger.flows.drafting import stated_or_draft

    with session(node_dir, now, everywhere=not refresh) as run:
        folder = run.folder(run.scope_id(scope_id), epoch_id)
        state = folder.state()
        if message and state == "open":
            raise UsageError(
                f"epoch {folder.epoch_id} is open; there is nothing to sign yet", hint="`ledger review` comes first."
            )
        draft = stated_or_draft(run, folder, refresh=refresh)
        found = draft.derived.statement
    tell_draft(draft)
    if message and not as_json:
        click.echo(signed_text(found), nl=False)
    elif as_json:
        text = signed_text(found) if state != "open" else None
        emit(
            "statement-view/1",
            {"state": state, "statement": found, "statement_hash": found.statement_hash, "message": text},
        )
    else:
        if state == "open":
            note("provisional: the epoch is still open")
        out(found.encode().decode())
        note(f"statement hash {found.statement_hash}")


@click.command()
@epoch_options
@actor_option
def finalize(
    node_dir: Path | None, scope_id: str | None, epoch_id: int | None, now: str | None, as_json: bool, actor: str | None
) -> None:
    """Check pool and signatures, then close the epoch for good.

    Example: ledger finalize --scope default --epoch 3
    """
    from ledger.flows.sign import finalize as flow

    with session(node_dir, now, actor) as run:
        folder = run.folder(run.scope_id(scope_id), epoch_id)
        result = flow(run, folder)
    found = result.statement
    if as_json:
        emit("finalize/1", {"statement": found, "statement_hash": found.statement_hash, "changed": not result.already})
        return
    out(found.statement_hash)
    note(
        f"nothing changed: epoch {folder.epoch_id} was finalized before"
        if result.already
        else f"epoch {folder.epoch_id} is finalized"
    )
