"""`ledger settle`: from payments to a record of them."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.options import actor_option, distribution_option, scope_options, session
from ledger.cli.output import emit, note, out
from ledger.core.errors import UsageError

STATES = click.Choice(["submitted", "settled", "failed"])


@click.command()
@scope_options
@actor_option
@distribution_option
@click.option(
    "--transaction", metavar="0x…", help="A transaction on the asset's chain, checked through LEDGER_RPC_URL."
)
@click.option("--confirmations", type=click.IntRange(1, 10_000), help="How deep is deep enough (default 12, or final).")
@click.option(
    "--bank",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A bank's camt.053, or a CSV with reference,amount.",
)
@click.option(
    "--line", "references", multiple=True, metavar="REFERENCE", help="By hand: this line (default: all that are out)."
)
@click.option("--state", type=STATES, default="settled", show_default=True, help="By hand: what became of it.")
@click.option("--ref", help="By hand: the bank's or provider's reference.")
@click.option("--note", "words", help="By hand: what was seen, in words that stay on record.")
@click.option("--acknowledge", metavar="REFERENCE", help="The line whose person signed that the money arrived.")
@click.option("--signature", metavar="0x…", help="With --acknowledge: that person's signature.")
@click.option("--message", is_flag=True, help="With --acknowledge: print the text that the person signs.")
def settle(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    actor: str | None,
    number: int | None,
    transaction: str | None,
    confirmations: int | None,
    bank: Path | None,
    references: tuple[str, ...],
    state: str,
    ref: str | None,
    words: str | None,
    acknowledge: str | None,
    signature: str | None,
    message: bool,
) -> None:
    """Record that lines of a distribution were paid, with the evidence and how it was checked. A line settles once.

    A transaction settles each line that it pays to the last unit; without LEDGER_RPC_URL it is put on record as
    submitted, unchecked. By hand means --ref or --note, and is marked so.

    Example: ledger settle --transaction 0x5c50… --actor ann
    """
    from ledger.flows.paying import settle as flows
    from ledger.flows.paying.chains import chain_from
    from ledger.flows.paying.plan import latest

    ways = [transaction is not None, bank is not None, acknowledge is not None, ref is not None or words is not None]
    if sum(ways) != 1:
        raise UsageError("give one of --transaction, --bank, --acknowledge, or --ref/--note by hand")
    with session(node_dir, now, actor) as run:
        scope = run.scope_id(scope_id)
        if acknowledge is not None and (message or signature is None):
            found = latest(run, scope, number).plan
            if acknowledge not in found.by_reference:
                raise UsageError(f"distribution {found.distribution} has no line {acknowledge}")
            click.echo(found.received_text(found.by_reference[acknowledge]), nl=False)
            return
        if transaction is not None:
            result = flows.by_transaction(run, scope, number, transaction, chain_from(run), confirmations)
        elif bank is not None:
            result = flows.by_bank(run, scope, number, bank.read_bytes(), str(bank))
        elif acknowledge is not None:
            result = flows.acknowledge(run, scope, number, acknowledge, signature or "")
        else:
            evidence = {"kind": "provider_ref", "ref": ref, "note": words} if ref else {"kind": "hand", "note": words}
            result = flows.by_hand(run, scope, number, state=state, references=references, evidence=evidence)
    if as_json:
        emit("settlement/1", {"added": result.added, "open": result.open})
        return
    for entry in result.added:
        out(entry.encode().decode())
    if not result.added:
        note("nothing changed: this is on record already, or names no line of this distribution")
    note(f"{len(result.open)} lines are not settled" if result.open else "every line is settled")
