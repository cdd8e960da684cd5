"""`ledger sources`: which there are and what their options mean, and what one would bring."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.group import Group
from ledger.cli.options import json_option, options, scope_options, session
from ledger.cli.output import emit, note, out, plain, safe_text, table
from ledger.core.errors import UsageError

MANY = 20
"""Accounts that are shown in text; --json has all."""


@click.group(cls=Group)
def sources() -> None:
    """Where contributions come from: list what there is, try one before it writes anything."""


@sources.command("list")
@options(json_option)
@click.argument("kind", required=False)
def list_sources(as_json: bool, kind: str | None) -> None:
    """Every source with its options, their defaults and what they mean; KIND shows one.

    Example: ledger sources list discord
    """
    from ledger.flows.trial import list_kinds

    found = list_kinds(kind)
    if as_json:
        emit("sources/1", {"sources": found})
        return
    for one in found:
        out(safe_text(f"{one.kind}  {one.summary}"))
        for option in one.options:
            out(safe_text(f"    {option.name} = {option.default}: {option.meaning}"))
    out("docs/sources.md says for each what is read, what never, and what it costs.")


@sources.command("try")
@scope_options
@click.argument("name")
@click.option("--since", required=True, metavar="DATE", help="From this day or time on, as if nothing had been read.")
def try_one(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, name: str, since: str) -> None:
    """Read a source and write nothing: what would come, for whom, what is left out and why.

    Example: ledger sources try code --since 2026-01-05
    """
    from ledger.core.values import parse_time
    from ledger.flows.ingest import raise_first
    from ledger.flows.trial import try_source

    try:
        start = parse_time(since)
    except ValueError as error:
        raise UsageError(f"--since: {error}", hint="For example 2026-01-05.") from None
    with session(node_dir, now) as run:
        found = try_source(run, run.scope_id(scope_id), name, start)
    if as_json:
        emit("sources-try/1", {**plain(found), "errors": [str(error) for error in found.errors]})
    else:
        out(safe_text(f"{found.name} ({found.source}), {found.window.start} to {found.window.end}: nothing is written"))
        table(
            ("kind", "events", "on record", "weight"),
            [
                (
                    one.name,
                    one.events,
                    one.known,
                    "none: counts nothing" if one.weight_milli is None else one.weight_milli,
                )
                for one in found.kinds
            ],
        )
        table(
            ("for", "account", "name there", "events"),
            [
                (safe_text(who.user or "nobody yet"), who.account[:24], safe_text(who.login or ""), who.events)
                for who in found.people[:MANY]
            ],
        )
        if len(found.people) > MANY:
            out(f"and {len(found.people) - MANY} more accounts; --json shows all")
        for rule, number in found.left_out.items():
            out(f"left out: {rule} {number}")
        for link in found.examples:
            out(safe_text(f"for example {link}"))
    for event_id in found.refused:
        note(f"refused, no scope claims it: {event_id}")
    for gap in found.gaps:
        note(f"incomplete: {gap}")
    raise_first(found.errors)
