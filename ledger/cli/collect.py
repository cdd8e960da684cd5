"""`ledger collect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from ledger.cli.options import scope_options, session
from ledger.cli.output import emit, note, out, plain, safe_text
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from ledger.core.windows import Window


@click.command()
@scope_options
@click.option("--source", metavar="NAME", help="Only this source, by its name or kind in the scope's file.")
@click.option("--backfill", metavar="FROM..TO", help="Look again at a closed stretch of time; finds count as late.")
@click.option("--webhook", type=click.File("rb"), help="Take in what this payload of GitHub's tells; `-` is stdin.")
def collect(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    source: str | None,
    backfill: str | None,
    webhook: BinaryIO | None,
) -> None:
    """Open the epoch that is due, read its sources from where they stopped, append what is new.

    Moves an epoch to review by itself once its window and the node's grace have passed, and catches up over past
    windows in order. Run it as often as you like: what is known is skipped. With --webhook (a webhook's body, or the
    event file of an Actions run, GITHUB_EVENT_PATH) only that payload's events come in, and the next run finds them.

    Example: ledger collect --scope default
    """
    from ledger.core.nextset import to_sign
    from ledger.flows.collect import backfill as look_again
    from ledger.flows.collect import collect as flow
    from ledger.flows.collect import remarks_after
    from ledger.flows.ingest import raise_failures
    from ledger.flows.webhook import LARGEST, take_payload

    if webhook is not None and backfill is not None:
        raise UsageError("give either --webhook or --backfill")
    with session(node_dir, now) as run:
        if webhook is not None:
            result = take_payload(run, webhook.read(LARGEST + 1), getattr(webhook, "name", "-"), scope_id, source)
        elif backfill is not None:
            result = look_again(run, run.scope_id(scope_id), _window(backfill), source)
        else:
            result = flow(run, scope_id, source)
        told = [f"{about} {words}" for about, words in remarks_after(run, result)]
        unsigned = {
            epoch.folder.scope_id
            for epoch in result.epochs
            if to_sign(epoch.folder.chain(), run.node.scope(epoch.folder.scope_id)) is not None
        }
    if as_json:
        emit(
            "collect/1",
            {
                "epochs": [
                    {
                        "scope_id": epoch.folder.scope_id,
                        "epoch_id": epoch.folder.epoch_id,
                        "opened": epoch.opened,
                        "reviewed": epoch.reviewed,
                        "held_back": str(epoch.held_back) if epoch.held_back else None,
                        "streams": [{**plain(r), "error": str(r.error) if r.error else None} for r in epoch.reports],
                    }
                    for epoch in result.epochs
                ],
                "waiting": result.waiting,
                "left": result.left,
            },
        )
    else:
        for epoch in result.epochs:
            name = f"{epoch.folder.scope_id}/{epoch.folder.epoch_id}"
            for report in epoch.reports:
                out(safe_text(f"{name}  {report.stream}: {describe(report.__dict__)}"))
            if epoch.reviewed:
                out(f"{name}  is now in review: `ledger statement --message` gives the text to sign")
                if epoch.folder.scope_id in unsigned:
                    out(f"{name}  needs its approver set signed too, once: `ledger approvers message` gives that text")
            if not epoch.reports and not epoch.reviewed:
                out(f"{name}  has no sources to read")
        for waiting in result.waiting:
            out(f"{waiting.scope_id}  waits: {waiting.reason}. {waiting.hint}")
    for words in result.left:
        note(f"nothing to do: {words}" if not result.epochs else words)
    for report in result.reports:
        for event_id in report.changed:
            note(f"changed upstream, kept as first recorded: {event_id}")
        for event_id in report.gone:
            note(f"no longer in the file, kept as it was recorded: {event_id}")
        for event_id in report.refused:
            note(f"refused, no scope claims it: {event_id}")
        for gap in report.gaps:
            note(f"incomplete: {report.stream}: {gap}")
    for text in told:
        note(safe_text(text))
    raise_failures(result.reports)
    for epoch in result.epochs:
        if epoch.held_back is not None:
            raise epoch.held_back


def _window(text: str) -> Window:
    from ledger.core.errors import LedgerError
    from ledger.core.values import parse_time
    from ledger.core.windows import Window

    start, _, end = text.partition("..")
    try:
        return Window(parse_time(start), parse_time(end))
    except (ValueError, LedgerError) as error:
        raise UsageError(f"--backfill: {error}", hint="For example 2026-01-05..2026-01-12.") from None


def describe(report: dict[str, object]) -> str:
    """A stream's run in words."""
    words = (
        ("added", "{} new"),
        ("late", "{} of them late"),
        ("known", "{} known already"),
        ("elsewhere", "{} belong to other scopes"),
        ("later", "{} belong to later windows"),
        ("before_start", "{} lie before the scope's start"),
    )
    parts = [text.format(report[name]) for name, text in words if report[name]]
    if report["error"]:
        parts.append(f"stopped: {report['error']}" if parts else f"not read: {report['error']}")
    elif report["gaps"]:
        parts.append("incomplete")
    return ", ".join(parts) if parts else "nothing new"
