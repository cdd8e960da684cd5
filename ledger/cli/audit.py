"""`ledger audit`: a stranger's look, at what one ledger paid or at what many ledgers say that people earned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.options import engine_options, json_option, moment, now_option, options
from ledger.cli.output import emit, note, out, plain, safe_text, table
from ledger.cli.verify import tell_finding, tell_findings
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from ledger.flows.second import Asked

SHOWN = 60
"""Rows of a table that are told; --json has all."""


@click.command()
@options(now_option, json_option, engine_options)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
def audit(
    now: str | None, as_json: bool, engine: str, remote: str | None, shared: str | None, targets: tuple[str, ...]
) -> int:
    """A stranger's check: were they paid (a URL), or who earned what where (folders of nodes)?

    A URL: the ledger that is published there, without a clone or an account. Fetches statements, plans and settlements
    and checks sums and signatures here; with LEDGER_RPC_URL transactions too. A file of
    `ledger book USER --year YEAR --format proof` is checked without a network.

    Folders: each node is verified, side by side, and the answer is who earned what, by kind and year. The folder of a
    built site counts by the tables under its data/, which are added up and not verified.

    Ends with exit code 1 when anything does not hold.

    Example: ledger audit https://acme.example.org/ledger/

    Example: ledger audit ~/ledgers/* --engine spark
    """
    from ledger.flows.second import Asked

    asked = Asked(engine, remote, shared)
    if all(Path(target).is_dir() for target in targets):
        return _many([Path(target) for target in targets], now, as_json, asked)
    if len(targets) > 1 or engine != "duckdb":
        hint = "Give one URL or file, or folders alone."
        raise UsageError("several targets, or another engine, are for folders of nodes", hint=hint)
    return _money(targets[0], as_json)


def _money(url: str, as_json: bool) -> int:
    from ledger.flows.paying.audit import audit as flow
    from ledger.flows.paying.chains import chain_at

    if Path(url).is_file():
        from ledger.flows.paying.accountproof import check_account_proof

        result = check_account_proof(Path(url).read_bytes(), url)
    else:
        result = flow(url, chain_at(os.environ.get("LEDGER_RPC_URL")))
    if as_json:
        emit("audit/1", {"ok": not result.findings, **plain(result)})
        return 1 if result.findings else 0
    rows = [(scope, *(one[name] for name in ("earned", "allocated", "paid", "outstanding")))
            for scope, one in result.figures.items()]  # fmt: skip
    if rows:
        table(("scope", "earned", "allocated", "paid", "outstanding"), rows)
    for words in result.checked:
        out(safe_text(f"checked  {words}", 300))
    for finding in result.findings:
        tell_finding(finding)
    for words in result.not_proved:
        out(f"not proved here: {words}")
    out("nothing speaks against it" if not result.findings else f"DIFFERENT: {len(result.findings)} findings")
    return 1 if result.findings else 0


def _many(paths: list[Path], now: str | None, as_json: bool, asked: Asked) -> int:
    from ledger.flows.many import audit_many

    result = audit_many(paths, moment(now), asked)
    if as_json:
        emit(
            "audit-many/1",
            {
                "ok": result.ok,
                "nodes": [{**plain(node), "ok": node.ok} for node in result.nodes],
                "earned": [{**plain(row), "credits": str(row.credits)} for row in result.earned],
                "brought": [{**plain(row), "milli_units": str(row.milli_units)} for row in result.brought],
            },
        )
        return 0 if result.ok else 1
    for node in result.nodes:
        mark = "FAIL" if not node.ok else "ok  " if node.verified else "-   "
        how = "verified" if node.verified else "tables of its site, not verified"
        out(safe_text(f"{mark} {node.where} {node.node_id or ''} {node.epochs} epochs, {how}", 300))
        tell_findings(node.findings)
    head = ("where", "scope", "year", "who")
    _told((*head, "credits"), [(r.where, r.scope_id, r.year, r.name, r.credits) for r in result.earned])
    _told(
        (*head, "kind", "events", "units"),
        [
            (r.where, r.scope_id, r.year, r.name, f"{r.source}:{r.event_type}", r.events, _units(r.milli_units))
            for r in result.brought
        ],
    )
    wrong = sum(not node.ok for node in result.nodes)
    out(f"{len(result.nodes)} looked at" + (f", DIFFERENT: {wrong}" if wrong else ""))
    return 0 if result.ok else 1


def _units(milli: int) -> str:
    whole, rest = divmod(milli, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") if rest else str(whole)


def _told(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    out()
    table(head, rows[:SHOWN])
    if len(rows) > SHOWN:
        note(f"… and {len(rows) - SHOWN} rows more; --json has all of them")
