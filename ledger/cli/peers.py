"""`ledger peers`: other ledgers, verified from a clone or by their site, and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.group import Group
from ledger.cli.options import json_option, node_option, now_option, options, session
from ledger.cli.output import emit, out, safe_text, table

if TYPE_CHECKING:
    from ledger.flows.peers import PeerCheck

CLONE = click.Path(path_type=Path, file_okay=False)


@click.group(cls=Group)
def peers() -> None:
    """Other ledgers beside this one: verified, and their past remembered so that a rewritten one shows.

    Only facts cross: nothing of a peer enters this node's arithmetic.
    """


@peers.command("add")
@options(node_option, now_option, json_option)
@click.argument("name")
@click.argument("where")
def add(node_dir: Path | None, now: str | None, as_json: bool, name: str, where: str) -> None:
    """Verify another ledger and remember its roots and statements under NAME (peers.json, peers/).

    WHERE is a clone, which is recomputed whole, or the address of its site: then checkpoint, statements, approvers and
    signatures are checked, and nothing is recomputed from events.

    Example: ledger peers add garden-club ../garden-club

    Example: ledger peers add garden-club https://garden.example/ledger/
    """
    from ledger.flows.peers import add_peer

    with session(node_dir, now) as run:
        found = add_peer(run, name, where if "://" in where else str(Path(where).resolve()))
    _tell([found], as_json)


@peers.command("verify")
@options(node_option, now_option, json_option)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--clone", type=CLONE, help="Look at this clone of the peer instead.")
@click.option("--site", metavar="URL", help="Look at this published site of the peer instead.")
def verify(
    node_dir: Path | None, now: str | None, as_json: bool, names: Sequence[str], clone: Path | None, site: str | None
) -> int:
    """Verify the peers as they stand now, and compare with what is remembered; exit code 1 where one differs.

    Example: ledger peers verify garden-club
    """
    from ledger.core.errors import UsageError
    from ledger.flows.peers import verify_peers

    if clone is not None and site is not None:
        raise UsageError("--clone and --site are two ways to look at a peer", hint="Give one of them.")
    with session(node_dir, now) as run:
        found = verify_peers(run, names, str(clone.resolve()) if clone else site)
    _tell(found, as_json)
    return 0 if all(each.ok for each in found) else 1


@peers.command("status")
@options(node_option, now_option, json_option)
def status(node_dir: Path | None, now: str | None, as_json: bool) -> None:
    """The peers that are known, where they lie, and by what each last verified; asks nobody.

    Example: ledger peers status
    """
    from ledger.flows.peers import known_peers

    with session(node_dir, now) as run:
        known = known_peers(run)
    if as_json:
        emit("peers/1", {"last": {peer.name: found for peer, found in known}, "peers": [peer for peer, _ in known]})
        return
    rows = [
        (p.name, p.node_id, ", ".join(p.roots), last.verified_at if last else "", last.way if last else "", p.where)
        for p, last in known
    ]
    table(("peer", "node", "scopes", "verified", "by", "where"), rows)


def _tell(found: Sequence[PeerCheck], as_json: bool) -> None:
    if as_json:
        emit("peers-verify/1", {"ok": all(each.ok for each in found), "peers": found})
        return
    for each in found:
        for finding in each.findings:
            place = finding.path + (f":{finding.line}" if finding.line else "")
            out(safe_text(f"FAIL {finding.rule}: {each.peer.name}: {place}: {finding.message}"))
            if finding.expected is not None or finding.actual is not None:
                out(safe_text(f"       expected {finding.expected}"))
                out(safe_text(f"       actual   {finding.actual}"))
        verdict = "the same" if each.ok else "DIFFERENT"
        by = ", by its site" if each.way == "site" else ""
        out(safe_text(f"{verdict}: {each.peer.name}: {each.epochs} finalized epochs, {each.new} of them new{by}"))
        for person in each.people:
            out(safe_text(f"  theirs: {person.name} got {person.credits} credits of {each.peer.name}"))
