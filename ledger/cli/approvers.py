"""`ledger approvers`: who signs for a scope, and how that changes: a chain of sets, each signed by the one before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.group import Group
from ledger.cli.options import keystore_option, scope_options, session, signature_evidence_option
from ledger.cli.output import emit, note, out, table
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from ledger.core.records.approvers import ApproverSet


@click.group(cls=Group)
def approvers() -> None:
    """Who signs for a scope: a chain of approver sets, each signed by the one before it.

    The scope's file proposes, the chain decides: `ledger review` proposes whom the file names, people sign that once,
    beside the statement, and from then on each change is signed by enough of those who decided before it and by
    everyone who is new.
    """


@approvers.command("message")
@scope_options
def message(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Print the exact text to sign for the set that waits, without a line end, and nothing else.

    Ends with exit code 3 where no set waits for signatures.

    Example: ledger approvers message | my-wallet sign
    """
    from ledger.core.records.approvers import set_text
    from ledger.flows.approvers import waiting

    with session(node_dir, now) as run:
        line = waiting(run, run.scope_id(scope_id))
    if as_json:
        emit("approvers-message/1", {"set": line, "approver_set_hash": line.set_hash, "message": set_text(line)})
    else:
        click.echo(set_text(line), nl=False)


@approvers.command("sign")
@scope_options
@click.option("--signature", metavar="0x…", help="What a wallet's personal_sign gave over `ledger approvers message`.")
@keystore_option
@signature_evidence_option
def sign(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    signature: str | None,
    keystore: Path | None,
    evidence: str,
) -> None:
    """Add a signature over the set that waits. The signer is recovered from it, never claimed.

    A new wallet signs too, so that a typing mistake locks nobody out. In a pull request, an approving review may hold
    this signature and the statement's, a line `/sign 0x…` for each.

    Example: ledger approvers sign --keystore wallet.json
    """
    from ledger.cli.options import password
    from ledger.flows.approvers import sign_set, sign_set_with_keystore

    if (signature is None) == (keystore is None):
        raise UsageError("give either --signature or --keystore")
    with session(node_dir, now) as run:
        scope = run.scope_id(scope_id)
        if keystore is not None:
            result = sign_set_with_keystore(run, scope, keystore, lambda: password(run.environ), evidence)
        else:
            result = sign_set(run, scope, signature or "", evidence)
    if as_json:
        emit(
            "approvers-signature/1",
            {
                "signature": result.signature,
                "person": result.person,
                "changed": result.added,
                "counts": result.counts,
            },
        )
        return
    out(result.signature.encode().decode())
    note(f"signed by {result.person}" if result.added else "nothing changed: this signature is on record already")
    seq = result.signature.approvers_seq
    note(f"approver set {seq} counts" if result.counts else f"approver set {seq} still waits: ledger approvers status")


@approvers.command("status")
@scope_options
def status(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Which set counts, its root, which set waits and for whom.

    Example: ledger approvers status --scope default
    """
    from ledger.core.nextset import to_sign
    from ledger.flows.approvers import require_chain
    from ledger.flows.trust import trust_of

    with session(node_dir, now) as run:
        scope = run.node.scope(run.scope_id(scope_id))
        chain = require_chain(run.node.chain(scope.scope_id))
        trust, waits = trust_of(scope, chain), to_sign(chain, scope)
    progress = chain.progress(waits) if waits else None
    if as_json:
        data = {"scope_id": scope.scope_id, "root": trust.root, "counts": chain.current, "waits": waits}
        emit("approvers/1", {**data, "progress": progress, "notices": trust.notices})
        return
    if chain.current is None:
        out("no approver set counts yet")
    else:
        out(f"set {chain.current.seq} counts since {chain.since[chain.current.seq - 1]}: {_people(chain.current)}")
        out(f"root {trust.root}")
    if waits is not None and progress is not None:
        out(f"set {waits.seq} waits: {_people(waits)}")
        by = ", ".join(progress.by) or "nobody yet"
        out(f"  signed by {len(progress.by)} of {progress.threshold} who decide: {by}")
        if progress.unproved:
            out(f"  new, and not signed with a new wallet: {', '.join(progress.unproved)}")
        note("next: ledger approvers message, then ledger approvers sign --signature 0x…")
    for text in trust.notices:
        note(text)


@approvers.command("propose")
@scope_options
@click.option("--reason", metavar="TEXT", help="Why; it stands in the record.")
def propose(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, reason: str | None) -> None:
    """Propose whom the scope's file names, without waiting for the next review.

    Example: ledger approvers propose --reason "ben joins"
    """
    from ledger.flows.approvers import propose as flow

    with session(node_dir, now) as run:
        line = flow(run, run.scope_id(scope_id), reason)
    if as_json:
        emit("approvers-proposal/1", {"set": line, "changed": line is not None})
    elif line is None:
        note("nothing changed: the scope's file names whom the chain has already, or what waits")
    else:
        out(line.encode().decode())
        note("next: ledger approvers message, then ledger approvers sign --signature 0x…")


@approvers.command("list")
@scope_options
def list_sets(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Every set that was proposed, and since when it counts.

    Example: ledger approvers list --json
    """
    with session(node_dir, now) as run:
        chain = run.node.chain(run.scope_id(scope_id))
    if as_json:
        sets = [
            {"set": line, "line_hash": line.line_hash, "approver_set_hash": line.set_hash, "since": since}
            for line, since in zip(chain.sets, chain.since, strict=True)
        ]
        emit("approvers-list/1", {"root": chain.root, "sets": sets})
        return
    table(
        ("set", "counts since", "begins", "people", "reason"),
        [
            (line.seq, since or "does not count", "a root" if line.previous is None else "", _people(line), line.reason)
            for line, since in zip(chain.sets, chain.since, strict=True)
        ],
    )


@approvers.command("new-root")
@scope_options
@click.option("--reason", required=True, metavar="TEXT", help="What was lost; everyone who verifies reads this.")
def new_root(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, reason: str) -> None:
    """Begin anew with whom the scope's file names, because too few who could sign a change are left.

    The last resort: `ledger verify` tells it for ever, and whoever kept the old root is told that it is another. As
    long as enough of the present approvers can sign, change the scope's file and let them sign the next set instead.

    Example: ledger approvers new-root --reason "two of three keys burned with the office"
    """
    from ledger.flows.approvers import new_root as flow

    with session(node_dir, now) as run:
        line = flow(run, run.scope_id(scope_id), reason)
    if as_json:
        emit("approvers-proposal/1", {"set": line, "changed": True})
        return
    out(line.encode().decode())
    note(f"root {line.line_hash}, once {line.threshold} of its people signed: tell everyone who keeps the old one why")
    note("next: ledger approvers message, then ledger approvers sign --signature 0x…")


def _people(line: ApproverSet) -> str:
    names: Sequence[str] = [person.id for person in line.approvers]
    return f"{line.threshold} of {', '.join(names)}"
