"""`ledger sign`: a signature over a statement, here or in the review of its pull request."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.loop import loop_over
from ledger.cli.options import NUMBER, epoch_options, keystore_option, password, session, signature_evidence_option
from ledger.cli.output import emit, note, out
from ledger.core.errors import StateError, UsageError

if TYPE_CHECKING:
    from ledger.core.place import Place
    from ledger.flows.digest import Digest


@click.command()
@epoch_options
@click.option(
    "--signature",
    "signatures",
    multiple=True,
    metavar="0x…",
    help="What a wallet's personal_sign gave over `ledger statement --message`; with --pr also over an approver set.",
)
@keystore_option
@signature_evidence_option
@click.option(
    "--pr", "number", type=NUMBER, metavar="N", help="Recompute pull request N here, sign it and submit the review."
)
@click.option("--yes", is_flag=True, help="With --pr: sign without asking, after the recomputation.")
@click.option("--set", "over_set", is_flag=True, help="With --pr: print the text of the approver set that waits.")
def sign(
    node_dir: Path | None,
    scope_id: str | None,
    epoch_id: int | None,
    now: str | None,
    as_json: bool,
    signatures: tuple[str, ...],
    keystore: Path | None,
    evidence: str,
    number: int | None,
    yes: bool,
    over_set: bool,
) -> None:
    """Add a signature over the statement. The signer is recovered from it, never claimed.

    With --keystore the password is asked for, or taken from LEDGER_KEYSTORE_PASSWORD. With --pr the epoch's branch is
    fetched and recomputed on this machine, shown in words, and the signature goes into an approving review of yours
    (GITHUB_TOKEN); without --keystore and --signature the text for a hardware wallet is printed. Where an approver set
    waits, --pr signs it too, and the review carries both signatures; without --pr `ledger approvers sign` does.

    An epoch that is in progress on its branch is found there, with its pull request, without --pr.

    Example: ledger sign --pr 12 --keystore wallet.json
    """
    if number is not None:
        sign_pull(node_dir, now, as_json, number, signatures, keystore, yes, over_set)
        return
    from ledger.flows.sign import sign as flow
    from ledger.flows.sign import sign_with_keystore

    away = _away(node_dir, now, scope_id, epoch_id)
    if away is not None:
        sign_pull(node_dir, now, as_json, _pull_of(node_dir, now, away), signatures, keystore, yes, over_set)
        return
    if len(signatures) + (keystore is not None) != 1 or over_set:
        raise UsageError("give either one --signature or --keystore", hint="`ledger approvers sign` signs a set.")
    with session(node_dir, now) as run:
        folder = run.folder(run.scope_id(scope_id), epoch_id)
        if keystore is not None:
            result = sign_with_keystore(run, folder, keystore, lambda: password(run.environ), evidence)
        else:
            result = flow(run, folder, signatures[0], evidence)
    if as_json:
        emit("signature/1", {"signature": result.signature, "person": result.person, "changed": result.added})
        return
    out(result.signature.encode().decode())
    note(f"signed by {result.person}" if result.added else "nothing changed: this signature is on record already")


def _ask() -> None:
    """Whether to sign; where nobody answers, UsageError says how a script says yes."""
    try:
        yes = click.confirm("Everything was recomputed here and matches. Sign this statement?", err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        hint = "Add --yes, once you have read the above."
        raise UsageError("nobody is here to ask whether to sign", hint=hint) from None
    if not yes:
        raise click.Abort


def _away(node_dir: Path | None, now: str | None, scope_id: str | None, epoch_id: int | None) -> Place | None:
    """The epoch that is meant, where it lies on a branch and not in the node's own files."""
    with session(node_dir, now, everywhere=True) as run:
        if not run.elsewhere:
            return None
        folder = run.folder(run.scope_id(scope_id), epoch_id)
        return folder.where if folder.where in run.elsewhere else None


def _pull_of(node_dir: Path | None, now: str | None, place: Place) -> int:
    """The number of the open pull request of what is in progress; StateError where there is none."""
    from ledger.forge.conversation import find_pulls

    with loop_over(node_dir, now) as loop:
        numbers = [pull.number for pull in find_pulls(loop.forge, place.branch) if pull.open]
    if not numbers:
        hint = "The next run of `collect` or `statement` opens it; then sign again."
        raise StateError(f"epoch {place} has no open pull request", hint=hint)
    return numbers[-1]


def sign_pull(
    node_dir: Path | None,
    now: str | None,
    as_json: bool,
    number: int,
    signatures: Sequence[str],
    keystore: Path | None,
    yes: bool,
    over_set: bool,
) -> None:
    """`ledger sign --pr`: recompute, show in words, ask, sign, submit the review."""
    from ledger.flows.keystore import keystore_signature
    from ledger.forge.approver import desk

    with loop_over(node_dir, now) as loop, desk(loop, number, note) as found:
        _words(found.digest)
        if not signatures and keystore is None:
            if over_set and found.set_text is None:
                raise StateError("no approver set waits for signatures")
            out(found.set_text if over_set else found.text)
            note("sign exactly this text (no line end after it) with your wallet, then run this again with --signature")
            if found.set_text is not None and not over_set:
                note("an approver set waits too: `--set` prints its text; give --signature twice, once for each text")
            return
        if not yes:
            _ask()
        if keystore is not None:
            secret = password(loop.environ)
            texts = [found.text, *([found.set_text] if found.set_text is not None else [])]
            signatures = [keystore_signature(text, keystore, lambda: secret) for text in texts]
        checked = [found.check(signature) for signature in signatures]
        person = checked[0][1]
        found.submit([stored for stored, _ in checked])
        place, hash_ = str(found.epoch.place), found.digest.derived.statement.statement_hash
    if as_json:
        emit("signed-pull/1", {"pull": number, "epoch": place, "person": person, "statement_hash": hash_})
        return
    for stored, _ in checked:
        out(f"/sign {stored}")
    note(f"{person} signed {place} ({hash_}) and submitted the review on #{number}")


def _words(found: Digest) -> None:
    """The statement in words, with the differences to the epoch before."""
    epoch, statement = found.derived.epoch, found.derived.statement
    note(f"epoch {epoch.scope_id}/{epoch.epoch_id}, {epoch.period_start} up to {epoch.period_end}")
    note(
        f"{statement.pool_total_credits} credits for {len(found.people)} people from {statement.activity_count} "
        f"events; {statement.unresolved_count} events of accounts that nobody claimed"
    )
    if statement.version > 1:
        note(f"this is version {statement.version}, a correction: changes are against version {statement.version - 1}")
    if statement.awards_total_credits:
        note(f"  {statement.awards_total_credits:>12} credits of the pool are awards, taken out first")
    for held in statement.held:
        note(f"  {held.amount_credits:>12} credits held for {held.key}, which nobody claimed")
    for one in found.people:
        before = "new" if one.new else f"{one.change:+d}"
        change = f" ({before})" if epoch.epoch_id > 1 or statement.version > 1 else ""
        note(f"  {one.credits:>12} credits{change}  {one.name}  from {one.events} events, share {one.share}")
    for name, amount in found.left:
        note(f"  no longer paid: {name} ({amount} credits before)")
    for who, why in found.notices:
        note(f"  look twice: {who} {why}")
    for decision in found.decisions:
        note(f"  decided by {decision.actor}: {decision.what} {decision.subject}: {decision.reason}")
    note(f"statement hash {statement.statement_hash}")
