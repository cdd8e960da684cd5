"""`ledger init`."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.init_sources import planned_sources, source_options, tell_needs
from ledger.cli.options import json_option, moment, now_option, options
from ledger.cli.output import emit, note, out
from ledger.core.errors import UsageError


@click.command()
@options(now_option, json_option)
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="The node's name (default: the folder's).")
@click.option("--scope", "scope_id", default="default", show_default=True, help="The first scope's id.")
@click.option(
    "--approver", "approvers", multiple=True, metavar="ID=0x…", help="Someone who signs, with a wallet; repeatable."
)
@click.option("--threshold", type=click.IntRange(1, 999), default=1, show_default=True, help="How many must sign.")
@click.option("--base-issuance", metavar="CREDITS", default="10000", show_default=True, help="Credits of every epoch.")
@click.option(
    "--repository", "repositories", multiple=True, metavar="PATH_OR_URL", help="Collect commits from here; repeatable."
)
@source_options
@click.option("--start", metavar="DATE", help="The first epoch is the window that holds this day (default: today).")
@click.option("--length-days", type=click.IntRange(1, 366), default=7, show_default=True, help="Days of a window.")
@click.option("--site-url", default="", help="Where the site will be published.")
@click.option("--node-id", help="A UUID of your own (default: a new one).")
def init(
    target: Path,
    now: str | None,
    as_json: bool,
    name: str | None,
    scope_id: str,
    approvers: tuple[str, ...],
    threshold: int,
    base_issuance: str,
    repositories: tuple[str, ...],
    github: tuple[str, ...],
    discord: str | None,
    consent: str | None,
    start: str | None,
    length_days: int,
    site_url: str,
    node_id: str | None,
) -> None:
    """Make a new node in DIR: settings, weights, a workflow that rechecks every change, a README.

    Files that exist are left alone. Run it again after an interruption: it completes what is missing.

    Example: ledger init my-ledger --approver alice=0x2c75… --repository ../my-project
    """
    from ledger.cli.decide import amount
    from ledger.core.values import parse_time
    from ledger.flows.start import NodePlan, init_node

    people = []
    for text in approvers:
        person, sign, wallet = text.partition("=")
        if not sign:
            raise UsageError(f"--approver {text}: write it as ID=0x…", hint="For example alice=0x2c75…")
        people.append((person, wallet))
    try:
        first = parse_time(start) if start else moment(now)
    except ValueError as error:
        raise UsageError(f"--start: {error}") from None
    sources = planned_sources(repositories, github, discord, consent, ask=not as_json)
    plan = NodePlan(
        name=name or target.resolve().name,
        start=first,
        approvers=people,
        threshold=threshold,
        base_issuance=amount(base_issuance),
        sources=sources,
        site_url=site_url,
        length_days=length_days,
        scope_id=scope_id,
        node_id=node_id,
    )
    try:
        written = init_node(target, plan)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if as_json:
        emit("init/1", {"path": str(target), "written": written})
        return
    for path in written:
        out(path)
    note(f"{target} is a node" if written else f"nothing changed: {target} is a node already")
    tell_needs(sources)
    note("next: `git init`, look at scopes/ and weights/, then `ledger collect`")
