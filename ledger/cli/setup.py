"""`ledger setup`: switch a node's repository on GitHub on, from a plan that is shown first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from ledger.cli.options import json_option, node_option, now_option, options, session
from ledger.cli.output import emit, note, out, plain, safe_text
from ledger.core.errors import UsageError


@click.command()
@options(node_option, now_option, json_option)
@click.option("--dry-run", is_flag=True, help="Print the plan; change nothing.")
@click.option("--yes", is_flag=True, help="Carry the plan out without asking.")
def setup(node_dir: Path | None, now: str | None, as_json: bool, dry_run: bool, yes: bool) -> int:
    """Do every step of docs/operate.md that GitHub lets a command do, from a plan that is shown first.

    Needs an administrator's token: GITHUB_TOKEN, or `gh auth login`. It is used, and written nowhere. Says what was
    found, what changes, how to take each change back, and what only you can do; ends as `ledger doctor` does. Run it
    again at any time: what is so already is left alone.

    Example: ledger setup --dry-run
    """
    from ledger.forge.doctor import local_items, remote_items, summary
    from ledger.forge.github import Forge
    from ledger.forge.setup import carry_out, make_plan

    environ = _with_token(dict(os.environ))
    with session(node_dir, now) as run:
        forge = Forge(environ, environ.get("GITHUB_REPOSITORY") or run.node.settings.repository or None)
        plan = make_plan(run, forge, environ)
        if not as_json:
            for name in plan.there:
                out(safe_text(f"ok      {name}"))
            for change in plan.changes:
                out(
                    safe_text(
                        f"{'YOU' if change.by_person else 'change':7} {change.name}: {change.found} → {change.will}"
                    )
                )
                if change.link:
                    out(safe_text(f"          {change.link}"))
        ours = [change for change in plan.changes if not change.by_person]
        if dry_run:
            if as_json:
                emit(
                    "setup/1",
                    {"changes": plain(plan.changes), "there": plan.there, "made": [], "undo": [], "doctor": None},
                )
            return 0
        if ours and not yes:
            if not sys.stdin.isatty():
                raise UsageError("nobody is here to ask whether to go on", hint="Look at --dry-run, then add --yes.")
            click.confirm(f"Make these {len(ours)} changes to {forge.name}?", abort=True, err=True)
        made = carry_out(run, forge, plan, environ, note)
        undo = [change.undo for change in reversed(made) if change.undo]
        items = [*local_items(run), *remote_items(run, forge)]
        counts = summary(items)
    if as_json:
        data = {"changes": plain(plan.changes), "there": plan.there, "made": [change.name for change in made]}
        emit("setup/1", {**data, "undo": undo, "doctor": {"counts": counts, "items": items}})
        return 1 if counts["missing"] else 0
    if undo:
        note("to take it all back, in this order:")
        for line in undo:
            note(f"  {line}")
    for item in items:
        if item.verdict != "ok":
            out(safe_text(f"{item.verdict} {item.name}: {item.found}"))
            out(safe_text(f"          → {item.how}"))
    note(f"{counts['ok']} ok, {counts['missing']} missing, {counts['unknown']} unknown")
    return 1 if counts["missing"] else 0


def _with_token(environ: dict[str, str]) -> dict[str, str]:
    """The environment with a token: its own, else what `gh` holds."""
    if environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or shutil.which("gh") is None:
        return environ
    asked = subprocess.run(["gh", "auth", "token"], capture_output=True, text=True, check=False)
    return {**environ, "GITHUB_TOKEN": asked.stdout.strip()} if asked.stdout.strip() else environ
