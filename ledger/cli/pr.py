"""`ledger pr`: the loop on GitHub, one branch and one pull request for each epoch and amendment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.amend import amend_options, why_options
from ledger.cli.group import Group
from ledger.cli.loop import loop_over
from ledger.cli.options import json_option, node_option, now_option, options, scope_options, session
from ledger.cli.output import emit, note, out, safe_text, table
from ledger.core.errors import DifferenceError

if TYPE_CHECKING:
    from ledger.forge.epoch import Outcome


@click.group(cls=Group)
def pr() -> None:
    """The weekly loop on GitHub: one branch and one pull request for each epoch and amendment in progress.

    Run inside a clone whose remote `origin` is the node's repository, with GITHUB_TOKEN set. Every command may be run
    again at any time: it reads everything and does what is due.
    """


@pr.command("open")
@scope_options
def pr_open(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Collect into the due epoch on its own branch, and bring its draft pull request up to date.

    Moves the epoch to review once its window and the grace have passed.

    Example: ledger pr open --scope default
    """
    with loop_over(node_dir, now) as loop:
        _report(loop.open(scope_id), as_json)


@pr.command("sync")
@scope_options
def pr_sync(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Take in what people wrote, keep statement, body and conditions current, finalize and merge what is ready.

    Example: ledger pr sync
    """
    with loop_over(node_dir, now) as loop:
        _report(loop.sync(scope_id), as_json)


@pr.command("amend")
@amend_options
@why_options
def pr_amend(
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
    """Begin to correct a finalized epoch on a branch of its own, as an approver; the next run opens its pull request.

    The same as a comment `/amend KIND reason` in the issue of a question about the epoch.

    Example: ledger pr amend --epoch 3 --kind late_evidence --reason "Dana's account was bound a day late"
    """
    from ledger.forge.amendments import begin

    with loop_over(node_dir, now) as loop:
        loop.clone.fetch()
        with session(node_dir, now) as run:
            scope = run.scope_id(scope_id)
        place = begin(loop, scope, epoch_id, kind, reason, evidence, actor)
    if as_json:
        emit("amendment-branch/1", {"branch": place.branch, "version": place.version})
        return
    out(place.branch)
    note("the next run opens its pull request; decide there, then /review asks for signatures")


@pr.command("receipts")
@options(node_option, now_option, json_option)
def pr_receipts(node_dir: Path | None, now: str | None, as_json: bool) -> None:
    """Gather what wallets signed in the issues of receipts into one pull request, built anew on main.

    Answers each issue with the texts to sign, and each signed line with what became of it.

    Example: ledger pr receipts
    """
    from ledger.forge.receipts import ReceiptLoop, told

    with loop_over(node_dir, now) as loop:
        found = ReceiptLoop(loop.root, loop.forge, loop.now, loop.environ, loop.tell).gather()
    if as_json:
        emit(
            "pr-receipts/1",
            {"acts": found.acts, "pull": found.pull, "changed": found.changed, "refused": found.refused},
        )
        return
    for line in told(found):
        out(safe_text(line, 400))


@pr.command("status")
@scope_options
def pr_status(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """What each epoch in progress still needs; changes nothing.

    Example: ledger pr status --json
    """
    with loop_over(node_dir, now) as loop:
        _report(loop.status(scope_id), as_json)


@pr.command("preview")
@options(node_option, now_option, json_option)
@click.argument("out_dir", metavar="DIR", type=click.Path(path_type=Path))
def pr_preview(node_dir: Path | None, now: str | None, as_json: bool, out_dir: Path) -> None:
    """Make DIR a working tree of main with the epochs in progress laid over it, to build a preview of the site from.

    Example: ledger pr preview build/preview && ledger site build --node build/preview
    """
    with loop_over(node_dir, now) as loop:
        laid = loop.preview(out_dir)
    if as_json:
        emit("preview/1", {"path": str(out_dir), "epochs": [str(place) for place in laid]})
        return
    out(out_dir)
    for place in laid:
        note(f"{place} is in progress and not signed")


def _report(outcomes: Sequence[Outcome], as_json: bool) -> None:
    """Tell every outcome, then raise what kept one from being done (exit code 3) or does not hold (1)."""
    from ledger.core.place import Place

    if as_json:
        emit("pulls/1", {"epochs": [_plain(outcome) for outcome in outcomes]})
    else:
        for outcome in outcomes:
            name = str(Place(outcome.scope_id, outcome.epoch_id, outcome.version))
            pull = f"#{outcome.pull}" if outcome.pull else "no pull request yet"
            out(f"{name}  {outcome.state}  {pull}" + ("  merged" if outcome.merged else ""))
            table(
                ("condition", "", "so far"),
                [(one.name, "ok" if one.met else "open", one.detail) for one in outcome.conditions],
            )
            for text in outcome.notes:
                note(f"{name}: {text}")
            for error in outcome.errors:
                note(f"{name}: {safe_text(error)}")
        if not outcomes:
            note("nothing is in progress")
    for outcome in outcomes:
        for error in outcome.errors:
            raise error
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    if findings:
        first = findings[0]
        raise DifferenceError(
            f"{len(findings)} findings; the first: {first.message}", rule=first.rule, path=first.path, line=first.line
        )


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.__dict__, "errors": [str(error) for error in outcome.errors]}
