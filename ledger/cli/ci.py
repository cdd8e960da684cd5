"""`ledger ci`: what only workflows run, one command a step."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ledger.cli.group import Group
from ledger.cli.options import json_option, moment, node_option, now_option, options
from ledger.cli.output import emit, note, out, safe_text


@click.group(cls=Group)
def ci() -> None:
    """What workflows run: everything about the run comes from the environment that GitHub Actions sets."""


@ci.command("guard")
@options(node_option, now_option, json_option)
def ci_guard(node_dir: Path | None, now: str | None, as_json: bool) -> int:
    """Is what this pull request or push brings one that the log allows? Decides by the event what to compare with.

    An epoch's own branch may change nothing but its folder; any other change may not touch an epoch's records; main
    holds only what was signed. Ends with exit code 1 when anything is found.

    Example: ledger ci guard
    """
    from ledger.cli.verify import tell_finding
    from ledger.flows.session import find_node
    from ledger.forge.ciguard import ci_guard as check

    found = check(find_node(node_dir), moment(now), dict(os.environ))
    if as_json:
        emit("ci-guard/1", {"ok": not found.findings, **found.__dict__})
        return 1 if found.findings else 0
    out(safe_text(found.compared))
    for finding in found.findings:
        out(f"FAIL {finding.rule}")
        tell_finding(finding)
    for text in found.notices:
        note(text)
    out("allowed" if not found.findings else f"REFUSED: {len(found.findings)} finding(s)")
    return 1 if found.findings else 0


@ci.command("alarm")
@options(node_option, now_option, json_option)
@click.argument("workflow")
@click.option("--ok", is_flag=True, help="The workflow works (again): close its issue.")
def ci_alarm(node_dir: Path | None, now: str | None, as_json: bool, workflow: str, ok: bool) -> None:
    """Open one issue about a workflow that fails, however often it fails; close it with --ok.

    Example: ledger ci alarm collect
    """
    from ledger.flows.session import find_node, open_session
    from ledger.forge.alarm import alarm
    from ledger.forge.github import Forge

    environ = dict(os.environ)
    named = environ.get("GITHUB_REPOSITORY") or open_session(find_node(node_dir), moment(now)).node.settings.repository
    number = alarm(Forge(environ, named or None), workflow, environ, ok=ok)
    if as_json:
        emit("alarm/1", {"workflow": workflow, "issue": number, "ok": ok})
    elif number is None:
        note("nothing to do")
    else:
        out(f"#{number}")


@ci.command("checklist")
@options(node_option, now_option, json_option)
def ci_checklist(node_dir: Path | None, now: str | None, as_json: bool) -> None:
    """Keep the issue "Set up this ledger" current: one box for each thing that `ledger doctor` looks at.

    For repositories made from a template (`ledger init --template`); closed when all is done.

    Example: ledger ci checklist
    """
    from ledger.cli.options import session
    from ledger.forge.checklist import bring_checklist
    from ledger.forge.github import Forge

    environ = dict(os.environ)
    with session(node_dir, now) as run:
        named = environ.get("GITHUB_REPOSITORY") or run.node.settings.repository
        found = bring_checklist(run, Forge(environ, named or None), environ)
    if as_json:
        emit("checklist/1", {"issue": found.issue, "open": found.open, "closed": found.closed})
    elif found.issue is None:
        note("nothing to do")
    else:
        out(f"#{found.issue}: {found.open} left" if found.open else f"#{found.issue}: all done, closed")
