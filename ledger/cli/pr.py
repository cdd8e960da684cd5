"""`ledger pr`: the weekly loop on GitHub, one branch and one pull request for each epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.options import json_option, moment, node_option, now_option, options, scope_option
from ledger.cli.output import emit, note, out, safe_text, table
from ledger.core.errors import DifferenceError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.flows.digest import Digest
    from ledger.forge.epoch import Outcome
    from ledger.forge.pulls import Loop

loop_options = options(node_option, scope_option, now_option, json_option)


@contextmanager
def _loop(node_dir: Path | None, now: str | None) -> Iterator[Loop]:
    from ledger.flows.session import find_node, open_session
    from ledger.forge.github import Forge
    from ledger.forge.pulls import Loop

    root, time = find_node(node_dir), moment(now)
    environ = dict(os.environ)
    named = open_session(root, time).node.settings.repository
    forge = Forge(environ, environ.get("GITHUB_REPOSITORY") or named or None)
    yield Loop(root, forge, time, environ, note)


@click.group()
def pr() -> None:
    """The weekly loop on GitHub: one branch and one pull request for each epoch in progress.

    Run inside a clone whose remote `origin` is the node's repository, with GITHUB_TOKEN set. Every command may be run
    again at any time: it reads everything and does what is due.
    """


@pr.command("open")
@loop_options
def pr_open(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Collect into the due epoch on its own branch, and bring its draft pull request up to date.

    Moves the epoch to review once its window and the grace have passed.

    Example: ledger pr open --scope default
    """
    with _loop(node_dir, now) as loop:
        _report(loop.open(scope_id), as_json)


@pr.command("sync")
@loop_options
def pr_sync(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Take in what people wrote, keep statement, body and conditions current, finalize and merge what is ready.

    Example: ledger pr sync
    """
    with _loop(node_dir, now) as loop:
        _report(loop.sync(scope_id), as_json)


@pr.command("status")
@loop_options
def pr_status(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """What each epoch in progress still needs; changes nothing.

    Example: ledger pr status --json
    """
    with _loop(node_dir, now) as loop:
        _report(loop.status(scope_id), as_json)


@pr.command("preview")
@options(node_option, now_option, json_option)
@click.argument("out_dir", metavar="DIR", type=click.Path(path_type=Path))
def pr_preview(node_dir: Path | None, now: str | None, as_json: bool, out_dir: Path) -> None:
    """Make DIR a working tree of main with the epochs in progress laid over it, to build a preview of the site from.

    Example: ledger pr preview build/preview && ledger site build --node build/preview
    """
    with _loop(node_dir, now) as loop:
        laid = loop.preview(out_dir)
    if as_json:
        emit("preview/1", {"path": str(out_dir), "epochs": [f"{scope}/{number}" for scope, number in laid]})
        return
    out(out_dir)
    for scope, number in laid:
        note(f"{scope}/{number} is in progress and not signed")


def _report(outcomes: Sequence[Outcome], as_json: bool) -> None:
    """Tell every outcome, then raise what kept one from being done (exit code 3) or does not hold (1)."""
    if as_json:
        emit("pulls/1", {"epochs": [_plain(outcome) for outcome in outcomes]})
    else:
        for outcome in outcomes:
            name = f"{outcome.scope_id}/{outcome.epoch_id}"
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
    from ledger.cli.review import password
    from ledger.flows.keystore import keystore_signature
    from ledger.forge.approver import desk

    with _loop(node_dir, now) as loop, desk(loop, number, note) as found:
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
            click.confirm("Everything was recomputed here and matches. Sign this statement?", abort=True, err=True)
        if keystore is not None:
            secret = password(loop.environ)
            texts = [found.text, *([found.set_text] if found.set_text is not None else [])]
            signatures = [keystore_signature(text, keystore, lambda: secret) for text in texts]
        checked = [found.check(signature) for signature in signatures]
        person = checked[0][1]
        found.submit([stored for stored, _ in checked])
        place, hash_ = (
            f"{found.epoch.scope_id}/{found.epoch.folder.epoch_id}",
            found.digest.derived.statement.statement_hash,
        )
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
    for one in found.people:
        before = "new" if one.new else f"{one.change:+d}"
        change = f" ({before})" if epoch.epoch_id > 1 else ""
        note(f"  {one.credits:>12} credits{change}  {one.name}  from {one.events} events, share {one.share}")
    for name, amount in found.left:
        note(f"  no longer paid: {name} ({amount} credits in the epoch before)")
    for who, why in found.notices:
        note(f"  look twice: {who} {why}")
    for decision in found.decisions:
        note(f"  decided by {decision.actor}: {decision.what} {decision.subject}: {decision.reason}")
    note(f"statement hash {statement.statement_hash}")
