"""`ledger instruct`: what people want done with what they are owed, in their own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ledger.cli.options import NUMBER, scope_options, session
from ledger.cli.output import emit, note, out
from ledger.core.errors import UsageError

INSTRUCTIONS = click.Choice(["decline", "gift", "hold", "carry_below", "pay_to", "clear"])


@click.command()
@scope_options
@click.argument("user")
@click.argument("instruction", type=INSTRUCTIONS)
@click.option(
    "--amount", help="Credits: what decline and gift may take in all, or the balance to be paid from (carry_below)."
)
@click.option("--to", help="gift: a user or `pool`; pay_to: RAIL:DESTINATION, such as safe_csv:0x….")
@click.option("--from-epoch", type=NUMBER, default=1, show_default=True, help="The first epoch that it is about.")
@click.option("--message", is_flag=True, help="Print the text that your wallet signs, and nothing else.")
@click.option("--code", is_flag=True, help="Print the code that your account posts, and nothing else.")
@click.option("--signature", metavar="0x…", help="By a wallet that you proved to be yours.")
@click.option("--event", metavar="EVENT", help="A collected message of your account that is the code.")
def instruct(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    user: str,
    instruction: Any,
    amount: str | None,
    to: str | None,
    from_epoch: int,
    message: bool,
    code: bool,
    signature: str | None,
    event: str | None,
) -> None:
    """Your own word about your payouts: decline, give away, hold, carry small amounts, be paid elsewhere, or clear all.

    It is applied when a distribution is prepared; what you earned stays on record as it is. USER is an id or @name.

    Example: ledger instruct @alice gift --to pool --amount 500 --message
    """
    from ledger.core.values import parse_amount
    from ledger.flows.paying.instruct import Wish, draft
    from ledger.flows.paying.instruct import instruct as flow
    from ledger.flows.people import find_user

    try:
        credits = parse_amount(amount) if amount is not None else None
    except ValueError as error:
        raise UsageError(f"--amount: {error}") from None
    with session(node_dir, now) as run:
        to_person = instruction == "gift" and to not in (None, "pool")
        aim = find_user(run, to) if to is not None and to_person else to
        wish = Wish(find_user(run, user), instruction, credits, aim, from_epoch)
        scope = run.scope_id(scope_id)
        if message or code:
            wanted = draft(run, scope, wish)
            click.echo(wanted.signed_text if message else wanted.code, nl=False)
            return
        result = flow(run, scope, wish, signature=signature, event=event)
    if as_json:
        emit("instruction/1", {"changed": result.added, "instruction": result.instruction})
        return
    out(result.instruction.encode().decode())
    note("on record; the next distribution goes by it" if result.added else "nothing changed: it is on record already")
