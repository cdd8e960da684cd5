"""`ledger receipt`: vouch for work that no platform records, approve it, take it back, and look at what stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli import credentials
from ledger.cli.group import Group
from ledger.cli.options import json_option, moment, node_option, now_option, options, password, scope_options, session
from ledger.cli.output import emit, note, out, safe_text, table
from ledger.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from ledger.flows.receipts.acts import Acted, Draft
    from ledger.flows.receipts.views import ReceiptView
    from ledger.flows.session import Session


@click.group(cls=Group)
def receipt() -> None:
    """Work that no platform records, signed by who vouches for it.

    Someone with the right issues a receipt; another one approves it; it counts in the epoch that goes to review next.
    Rights stand in the scope's file under `issuers` and count by the chain of approver sets (`ledger approvers`).
    """


signing = options(
    click.option(
        "--signature", "signatures", multiple=True, metavar="0x…", help="A wallet's answer, one for each text."
    ),
    click.option(
        "--keystore",
        type=click.Path(path_type=Path, dir_okay=False),
        help="An encrypted keystore file to sign all with.",
    ),
    click.option("--yes", is_flag=True, help="With --keystore: sign without asking."),
    click.option("--evidence", default="", help="Where this was said (a link); not signed."),
)


@receipt.command("issue")
@scope_options
@click.option("--work-item", metavar="ID", help="The work item, such as task.0054.")
@click.option("--estimate", "points", metavar="POINTS", help="The points of the whole item; each role shares them.")
@click.option("--author", "author", multiple=True, metavar="@NAME[:POINTS]", help="Who did it. Repeat for several.")
@click.option("--reviewer", "reviewer", multiple=True, metavar="@NAME[:POINTS]", help="Who looked at it.")
@click.option("--approver", "approver", multiple=True, metavar="@NAME[:POINTS]", help="Who accepted it.")
@click.option("--role", "roles", multiple=True, metavar="ROLE=@NAME[:POINTS]", help="Another role of the weight file.")
@click.option("--artifact", metavar="URL", help="Where the work can be seen.")
@click.option("--issued-at", metavar="TIME", help="Stands in the text; give it again with --signature (default: now).")
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Many at once: the rows of this file."
)
@signing
def issue(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    work_item: str | None,
    points: str | None,
    author: Sequence[str],
    reviewer: Sequence[str],
    approver: Sequence[str],
    roles: Sequence[str],
    artifact: str | None,
    issued_at: str | None,
    csv_file: Path | None,
    **signed: Any,
) -> None:
    """Issue the receipts of a work item, one for each person and role: print the texts to sign, or sign them.

    People are named by @name, user id, account (github:1234567) or wallet. Several in one role share its points: as
    told (@ann:3), or as evenly as whole points go. Without --signature or --keystore nothing is written; the texts
    are printed, each to be signed by one wallet (personal_sign). A CSV file has the columns
    work_item,points,role,person,estimate,artifact.

    Example: ledger receipt issue --work-item task.0054 --estimate 5 --author @ann --reviewer @ben
    --artifact https://example.org/54 --keystore wallet.json
    """
    from ledger.flows.receipts.acts import draft_receipts
    from ledger.flows.receipts.table import part, read_table, receipts_of, whole_points

    with session(node_dir, now) as run:
        scope, time = run.scope_id(scope_id), moment(issued_at) if issued_at else run.now
        if csv_file is not None:
            if work_item or points or author or reviewer or approver or roles or artifact:
                raise UsageError("--csv names everything itself; leave out the other options")
            wanted = read_table(run, scope, csv_file, time)
        else:
            parts = [part("author", text) for text in author]
            parts += [part("reviewer", text) for text in reviewer] + [part("approver", text) for text in approver]
            for text in roles:
                role, mark, who = text.partition("=")
                if not mark:
                    raise UsageError(f"--role {text!r} is not ROLE=@NAME", hint="For example --role tester=@ann.")
                parts.append(part(role, who))
            if not (work_item and points and artifact and parts):
                raise UsageError(
                    "a receipt needs --work-item, --estimate, --artifact and at least one person in a role",
                    hint="For example: ledger receipt issue --work-item task.0054 --estimate 5 --author @ann "
                    "--artifact https://example.org/54",
                )
            wanted = receipts_of(run, scope, work_item, whole_points(points, "--estimate"), parts, artifact, time)
        drafts = draft_receipts(run, wanted)
        _finish(run, drafts, as_json, f"--issued-at {time}", **signed)


target = click.argument("which", nargs=-1, required=True, metavar="RECEIPT...")


@receipt.command("approve")
@options(node_option, now_option, json_option)
@target
@signing
def approve(node_dir: Path | None, now: str | None, as_json: bool, which: Sequence[str], **signed: Any) -> None:
    """Approve receipts: by hash, by item:user:role, or all proposed ones of a work item.

    Whoever issued a receipt, or whom it is about, may not approve it unless the scope says self_approve. Without
    --signature or --keystore the texts are printed and nothing is written.

    Example: ledger receipt approve task.0054 --keystore wallet.json
    """
    from ledger.flows.receipts.acts import draft_decisions, find_receipts

    with session(node_dir, now) as run:
        found = [state for name in which for state in _open(find_receipts(run, name), "proposed", name)]
        drafts = draft_decisions(run, list(dict.fromkeys(state.receipt_hash for state in found)), "approved")
        _finish(run, drafts, as_json, "", **signed)


@receipt.command("revoke")
@options(node_option, now_option, json_option)
@target
@click.option("--reason", required=True, help="Why; it stands in the text that is signed, and on record for ever.")
@signing
def revoke(
    node_dir: Path | None, now: str | None, as_json: bool, which: Sequence[str], reason: str, **signed: Any
) -> None:
    """Take receipts back: by hash, by item:user:role, or all that stand of a work item.

    Before review such a receipt never becomes an event; until its epoch is finalized the event is left out by policy;
    after that only an amendment can take the credits back.

    Example: ledger receipt revoke task.0054 --reason "was paid for elsewhere" --keystore wallet.json
    """
    from ledger.flows.receipts.acts import draft_decisions, find_receipts

    with session(node_dir, now) as run:
        found = [state for name in which for state in _open(find_receipts(run, name), None, name)]
        names = list(dict.fromkeys(state.receipt_hash for state in found))
        _finish(run, draft_decisions(run, names, "revoked", reason), as_json, "", **signed)


def _open(states: Sequence[Any], status: str | None, name: str) -> list[Any]:
    """Of one receipt itself, of several those that the act can be about."""
    if len(states) == 1:
        return list(states)
    fits = [state for state in states if (state.status == status if status else state.stands)]
    if not fits:
        raise UsageError(
            f"no receipt of {name} waits for this", hint=f"`ledger receipt show {name}` tells what stands."
        )
    return fits


def _finish(
    run: Session,
    drafts: Sequence[Draft],
    as_json: bool,
    again: str,
    *,
    signatures: Sequence[str],
    keystore: Path | None,
    yes: bool,
    evidence: str,
) -> None:
    """Print the texts, or sign and record them all in one write."""
    from ledger.flows.followup import follow_up
    from ledger.flows.receipts.acts import sign_with_keystore, take

    if signatures and keystore is not None:
        raise UsageError("give --signature or --keystore, not both")
    if not signatures and keystore is None:
        _print_texts(drafts, as_json, again)
        return
    if keystore is not None:
        if not yes:
            for draft in drafts:
                note(draft.text)
                note("")
            click.confirm(f"Sign these {len(drafts)} texts?", abort=True, err=True)
        done = sign_with_keystore(run, drafts, keystore, lambda: password(run.environ), evidence)
    else:
        done = take(run, drafts, signatures, evidence)
    told = follow_up(run, done)
    _tell(done, told, as_json)


def _print_texts(drafts: Sequence[Draft], as_json: bool, again: str) -> None:
    if as_json:
        texts = [
            {"act": draft.act, "number": draft.number, "receipt_hash": draft.receipt_hash, "text": draft.text}
            for draft in drafts
        ]
        emit("receipt-texts/1", {"texts": texts, "repeat_with": again})
        return
    for number, draft in enumerate(drafts, start=1):
        if number > 1:
            out()
        out(draft.text)
    more = f" with {again} and" if again else " with"
    each = "--signature 0x…" if len(drafts) == 1 else f"{len(drafts)} times --signature 0x…, in any order"
    note("")
    note(f"nothing is written yet: sign each text (personal_sign), then run this again{more} {each}")


def _tell(done: Sequence[Acted], told: Sequence[str], as_json: bool) -> None:
    if as_json:
        acts = [{"act": one.act, "changed": one.added} for one in done]
        emit("receipt-acts/1", {"acts": acts, "changed": any(one.added for one in done), "notes": told})
        return
    for one in done:
        out(f"{one.act.act} {one.act.receipt_hash}" + ("" if one.added else "  (was on record)"))
    for line in told:
        note(line)


@receipt.command("add")
@options(node_option, now_option, json_option)
@click.argument("file", type=click.File("rb"))
@click.option("--evidence", default="", help="Where this was said (a link); not signed.")
def add(node_dir: Path | None, now: str | None, as_json: bool, file: Any, evidence: str) -> None:
    """Record signed acts that came from elsewhere: one JSON object a line, as the site's page gives them (- is stdin).

    Example: ledger receipt add signed.jsonl
    """
    from ledger.flows.followup import follow_up
    from ledger.flows.receipts.offers import take_offers

    name = str(getattr(file, "name", "-"))
    try:
        lines = file.read().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise InputError("is no text in UTF-8", path=name) from None
    if not any(map(str.strip, lines)):
        raise InputError(
            "holds no signed act", path=name, hint="One JSON object a line, as the site's page gives them."
        )
    with session(node_dir, now) as run:
        done = take_offers(run, lines, name, evidence)
        told = follow_up(run, done)
    _tell(done, told, as_json)


@receipt.command("list")
@scope_options
@click.option("--status", type=click.Choice(["proposed", "approved", "revoked"]), help="Only those that stand so.")
@click.option("--person", metavar="@NAME", help="Only this person's.")
@click.option("--work-item", metavar="ID", help="Only this work item's.")
def list_(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    status: str | None,
    person: str | None,
    work_item: str | None,
) -> None:
    """All receipts as they stand.

    Example: ledger receipt list --status proposed
    """
    from ledger.flows.people import find_user
    from ledger.flows.receipts.views import list_receipts

    with session(node_dir, now) as run:
        user = find_user(run, person) if person else None
        found = list_receipts(run, scope_id=scope_id, status=status, user_id=user, work_item_id=work_item)
    if as_json:
        emit("receipts/1", {"receipts": found})
        return
    head = ("receipt", "status", "work item", "role", "person", "points", "epoch")
    table(
        head,
        [
            (
                r.receipt_hash[:12],
                r.status,
                r.work_item_id,
                r.role,
                r.name,
                f"{r.estimate} of {r.work_points}",
                r.epoch or "",
            )
            for r in found
        ],
    )


@receipt.command("show")
@options(node_option, now_option, json_option)
@click.argument("which", metavar="RECEIPT")
def show(node_dir: Path | None, now: str | None, as_json: bool, which: str) -> None:
    """One receipt (or all of a work item) with its acts, signers, text and what it counts.

    Example: ledger receipt show task.0054
    """
    from ledger.flows.receipts.acts import find_receipts
    from ledger.flows.receipts.log import load_receipts
    from ledger.flows.receipts.views import views_of

    with session(node_dir, now) as run:
        found = views_of(run, load_receipts(run), find_receipts(run, which))
    if as_json:
        emit("receipts/1", {"receipts": found})
        return
    for number, view in enumerate(found):
        if number:
            out()
        _show(view)


def _show(view: ReceiptView) -> None:
    from ledger.core.values import units_text

    out(f"receipt    {view.receipt_hash}")
    out(f"status     {view.status}")
    for name, text in (
        ("scope", view.scope_id),
        ("work item", view.work_item_id),
        ("person", f"{view.name} ({view.user_id})"),
        ("role", view.role),
        ("points", f"{view.estimate} of {view.work_points}"),
        ("artifact", view.artifact_url),
        ("issued at", view.issued_at),
    ):
        out(safe_text(f"{name:<10} {text}", 400))
    worth = units_text(view.estimate * view.units_each)
    out(f"{'worth':<10} {worth} units ({view.estimate} × {units_text(view.units_each)}), by today's weights")
    out(f"{'epoch':<10} {view.epoch or 'none yet'}")
    for act in view.acts:
        told = f" - {act.reason}" if act.reason else ""
        out(safe_text(f"  {act.number} {act.act} {act.at} by {act.person or 'nobody'} {act.wallet}{told}", 400))


@receipt.command("verify")
@options(node_option, now_option, json_option)
def verify(node_dir: Path | None, now: str | None, as_json: bool) -> int:
    """Recompute the log of receipts: every signer, right, number and budget, and the events that it became.

    `ledger verify` does this and everything else; exit code 1 where something does not hold.

    Example: ledger receipt verify
    """
    from ledger.flows.receipts.check import check_receipts

    with session(node_dir, now) as run:
        result = check_receipts(run)
    if as_json:
        emit("receipt-verify/1", {"ok": not result.findings, "acts": result.acts, "findings": result.findings})
        return 1 if result.findings else 0
    for finding in result.findings:
        place = finding.path + (f":{finding.line}" if finding.line else "")
        out(safe_text(f"FAIL {finding.rule}: {place}: {finding.message}"))
        if finding.expected is not None or finding.actual is not None:
            out(safe_text(f"       expected {finding.expected}"))
            out(safe_text(f"       actual   {finding.actual}"))
    counts = ", ".join(f"{count} {status}" for status, count in sorted(result.counts.items())) or "none"
    out(f"{'ok' if not result.findings else 'FAIL'}: {result.acts} acts; receipts: {counts}")
    return 1 if result.findings else 0


for _command in (credentials.key, credentials.export, credentials.import_):
    receipt.add_command(_command)
