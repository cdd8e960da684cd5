"""`ledger doctor`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ledger.cli.options import json_option, node_option, now_option, options, session
from ledger.cli.output import emit, note, out, safe_text

MARK = {"ok": "ok     ", "missing": "MISSING", "unknown": "unknown"}


@click.command()
@options(node_option, now_option, json_option)
@click.option("--offline", is_flag=True, help="Look at the files only; ask nobody.")
def doctor(node_dir: Path | None, now: str | None, as_json: bool, offline: bool) -> int:
    """Is everything switched on that a node on GitHub needs? Says for each item how to set it.

    Needs GITHUB_TOKEN (`export GITHUB_TOKEN=$(gh auth token)`). An administrator's sees everything; what another may
    not see is told as unknown. Ends with exit code 1 when something is missing.

    Example: ledger doctor --offline
    """
    from ledger.forge.doctor import local_items, remote_items, summary
    from ledger.forge.github import Forge

    with session(node_dir, now) as run:
        items = local_items(run)
        if not offline:
            environ = dict(os.environ)
            named = environ.get("GITHUB_REPOSITORY") or run.node.settings.repository
            items += remote_items(run, Forge(environ, named or None))
    counts = summary(items)
    if as_json:
        emit("doctor/1", {"ok": not counts["missing"], "counts": counts, "items": items})
        return 1 if counts["missing"] else 0
    for item in items:
        out(safe_text(f"{MARK[item.verdict]} {item.name}: {item.found}"))
        if item.how:
            out(safe_text(f"          → {item.how}"))
    note(f"{counts['ok']} ok, {counts['missing']} missing, {counts['unknown']} unknown")
    return 1 if counts["missing"] else 0
