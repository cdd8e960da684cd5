"""`ledger verify` and `ledger guard`: checks that anyone can run; neither needs a network or a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.options import (
    NUMBER,
    engine_options,
    json_option,
    node_option,
    now_option,
    options,
    scope_option,
    session,
)
from ledger.cli.output import emit, note, out, plain, safe_text
from ledger.core.bounds import FINDINGS, FINDINGS_SHOWN
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from ledger.core.evaluate import Finding
    from ledger.core.place import Place

MARK = {"pass": "ok  ", "fail": "FAIL", "not yet": "-   "}


@click.command()
@options(node_option, scope_option)
@click.option("--epoch", "epoch_id", type=NUMBER, metavar="N", help="One epoch (default: every one, open ones too).")
@options(now_option, json_option)
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="HASH",
    help="The root that you kept: SHA-256 of the line with which the scope's approvers began. Once for each scope.",
)
@click.option(
    "--known",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A file of your own of what you proved before: epochs that are the same still are hashed, not recomputed.",
)
@click.option("--all", "every", is_flag=True, help="Recompute all that --known knows too, and write its file anew.")
@click.option("--quiet", "-q", is_flag=True, help="One line per epoch; invariants only where they fail.")
@engine_options
@click.pass_context
def verify(
    ctx: click.Context,
    node_dir: Path | None,
    scope_id: str | None,
    epoch_id: int | None,
    now: str | None,
    as_json: bool,
    roots: tuple[str, ...],
    known: Path | None,
    every: bool,
    quiet: bool,
    engine: str,
    remote: str | None,
    shared: str | None,
) -> int:
    """Recompute everything from stored data and print a verdict for each invariant and epoch.

    Ends with exit code 1 when anything differs, naming the file, the line, what was expected and what is there. With
    --root also when the approvers began with another line than the one that you kept: then everything may have been
    made anew and signed by others.

    Example: ledger verify --scope default --epoch 3

    With --engine spark a second engine makes the sums and hashes anew; the spelling of lines stays with DuckDB.

    Every week, when only what changed is to be recomputed: ledger verify --known ~/my-node.known
    """
    from ledger.flows.known import Known
    from ledger.flows.second import Asked, second_opinion
    from ledger.flows.verify import verify as flow

    for root in roots:
        if re.fullmatch("[0-9a-f]{64}", root) is None:
            raise UsageError(f"--root {root[:80]!r} is no SHA-256", hint="64 digits: `ledger approvers status` has it.")
    proved = Known.read(known, every=every) if known is not None else None
    asked = Asked(engine, remote, shared)
    with session(node_dir, now, quiet=True) as run:
        if asked.engine == "duckdb":
            result = flow(run, scope_id, epoch_id, roots, proved)
        else:
            figures, failed = second_opinion(run, scope_id, epoch_id, asked)
            result = flow(run, scope_id, epoch_id, roots, proved if failed is None else None, figures)
            if failed is not None and result.ok:
                raise failed
    if proved is not None:
        proved.write()
    if as_json:
        emit("verify/1", {"ok": result.ok, **plain(result)})
        return 0 if result.ok else 1
    for epoch in result.epochs:
        place = f"{epoch.scope_id}/{epoch.epoch_id}"
        mark = "known" if place in result.known else MARK["pass" if epoch.ok else "fail"]
        name = place + (f" version {epoch.version}" if epoch.version > 1 else "")
        out(f"{mark} {name} {epoch.state} {epoch.statement_hash or ''}".rstrip())
        for check in epoch.checks:
            if not quiet or check.verdict == "fail":
                later = " (not yet: the epoch is " + epoch.state + ")" if check.verdict == "not yet" else ""
                out(f"  {MARK[check.verdict]} {check.invariant}{later}")
            tell_findings(check.findings)
    for rule, findings in by_rule(result.findings):
        out(f"FAIL {rule}")
        tell_findings(findings)
    for trust in result.trust:
        for text in trust.notices:
            note(f"notice: {text}")
        if trust.root is not None:
            note(f"root of {trust.scope_id}: {trust.root}")
    count = sum(epoch.version == 1 for epoch in result.epochs)
    if not count and result.ok:
        if any(trust.root is not None for trust in result.trust):  # it may hold opening balances and plans
            out(f"verified: node {result.node_id} has no epoch yet; what else it holds was checked")
        else:
            out(f"nothing to verify yet: node {result.node_id} has no epoch")
        return 0
    if not count:
        out(f"DIFFERENT: no epoch of node {result.node_id} could be looked at; what stands above comes first")
        return 1
    told = f", {len(result.known)} of them known from before" if result.known else ""
    out(f"{'verified' if result.ok else 'DIFFERENT'}: {count} epoch{'s' * (count != 1)} of node {result.node_id}{told}")
    return 0 if result.ok else 1


def by_rule(findings: Sequence[Finding]) -> Iterator[tuple[str, Sequence[Finding]]]:
    """The findings by the rule that they break, in the order in which the rules first came."""
    for rule in dict.fromkeys(finding.rule for finding in findings):
        yield rule, [finding for finding in findings if finding.rule == rule]


def tell_findings(findings: Sequence[Finding]) -> None:
    """The first findings of one rule, and how many more there are."""
    for finding in findings[:FINDINGS_SHOWN]:
        tell_finding(finding)
    if len(findings) > FINDINGS_SHOWN:
        out(f"       … and {len(findings) - FINDINGS_SHOWN} more; --json tells up to {FINDINGS} of a rule")


def tell_finding(finding: Finding) -> None:
    """A finding with its place, what was expected and what is there, made safe."""
    place = finding.path + (f":{finding.line}" if finding.line else "")
    out(safe_text(f"       {place}: {finding.message}"))
    if finding.expected is not None or finding.actual is not None:
        out(safe_text(f"         expected {finding.expected}"))
        out(safe_text(f"         actual   {finding.actual}"))


@click.command()
@options(node_option, json_option)
@click.option("--base", required=True, metavar="REV", help="The git revision that the change starts from.")
@click.option("--head", metavar="REV", help="The revision that it ends with (default: the working tree).")
@click.option(
    "--epoch-branch",
    metavar="SCOPE/N[/VERSION]",
    help="Also refuse changes outside this epoch's folder.",
)
def guard(node_dir: Path | None, as_json: bool, base: str, head: str | None, epoch_branch: str | None) -> int:
    """Is the change from REV to the working tree one that the log allows?

    Append-only logs, files written once, forward-only states, nothing foreign under data/. Trusts nobody.

    Example: ledger guard --base origin/main
    """
    from ledger.flows.guard import guard as flow
    from ledger.flows.session import find_node

    findings: list[Finding] = flow(find_node(node_dir), base, head, _branch(epoch_branch))
    if as_json:
        emit("guard/1", {"ok": not findings, "findings": findings})
    else:
        for rule, broken in by_rule(findings):
            out(f"FAIL {rule}")
            tell_findings(broken)
        out("allowed" if not findings else f"REFUSED: {len(findings)} finding(s)")
        if findings:
            note("the change is not one that the ledger's own commands make; restore the files named and use them")
    return 1 if findings else 0


def _branch(text: str | None) -> Place | None:
    from ledger.core.place import parse_branch

    if text is None:
        return None
    found = parse_branch(f"{'amend' if text.count('/') > 1 else 'epoch'}/{text}")
    if found is None:
        raise UsageError("--epoch-branch names no epoch", hint="For example default/3; default/3/2 for its version 2.")
    return found
