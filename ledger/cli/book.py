"""`ledger book`, `ledger waive` and `ledger opening`: who is owed what, and what moves it besides payments."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.group import Group
from ledger.cli.options import actor_option, message_option, scope_options, session, signature_evidence_option
from ledger.cli.output import emit, note, out, safe_text, table
from ledger.core.errors import UsageError


@click.command()
@scope_options
@click.argument("user", required=False)
@click.option("--at", "at", metavar="TIME", help="The book as it stood at this time (a date, or an ISO 8601 time).")
@click.option("--year", type=click.IntRange(1970, 9999), help="With USER: the statement of account of this year.")
@click.option(
    "--format", "form", type=click.Choice(["beancount", "csv", "hledger", "koinly", "proof"]), help="With --year."
)
def book(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    user: str | None,
    at: str | None,
    year: int | None,
    form: str | None,
) -> None:
    """Who has earned, was paid and is owed what, in credits; with USER, every posting and the file that says so.

    `allocated` stands in a signed distribution and has not been settled; `paid` has; `outstanding` is owed beyond that.
    `--format proof` gives one file with every record that the account rests on; `ledger audit FILE` checks it offline.

    Example: ledger book alice --year 2026 --format csv
    """
    from ledger.core.values import parse_time
    from ledger.flows.paying.accounts import account, page

    try:
        until = parse_time(at) if at else None
    except ValueError as error:
        raise UsageError(f"--at: {error}", hint="For example 2026-06-30.") from None
    if (year is None) != (form is None) or (year is not None and user is None):
        raise UsageError(
            "--year and --format go together, with USER",
            hint="For example: ledger book alice --year 2026 --format csv.",
        )
    with session(node_dir, now, quiet=True) as run:
        scope = run.scope_id(scope_id)
        if user is not None and year is not None and form is not None:
            if form == "proof":
                from ledger.flows.paying.accountproof import account_proof

                click.echo(account_proof(run, scope, user, year), nl=False)
                return
            from ledger.core.accounting import FORMATS
            from ledger.flows.paying.accounts import year_of_account

            click.echo(FORMATS[form](year_of_account(run, scope, user, year)), nl=False)
            return
        if user is not None:
            found = account(run, scope, user, until)
            if as_json:
                lines = [
                    {**line._asdict(), "credits": str(line.credits), "balance": str(after)}
                    for line, after in found.postings
                ]
                emit("account/1", {"account": _row(found.row), "postings": lines, "scope_id": scope})
                return
            rows = [
                (
                    line.at[:10],
                    line.kind,
                    str(line.credits),
                    str(after),
                    line.source + (f":{line.line}" if line.line else ""),
                )
                for line, after in found.postings
            ]
            table(("date", "what", "credits", "balance", "source"), rows)
            note(f"{found.row.name or found.row.user_id}: {found.row.paid} paid, {found.row.allocated} allocated, "
                 f"{found.row.outstanding} outstanding")  # fmt: skip
            return
        result = page(run, scope, until)
    if as_json:
        totals = {name: str(getattr(result, name)) for name in ("waiting", "to_pool", "declined", "waived")}
        emit("book/1", {"people": [_row(row) for row in result.rows], "scope_id": scope, "until": until, **totals})
        return
    head = ("user", "name", "earned", "moved", "allocated", "paid", "outstanding")
    table(
        head, [tuple(str(getattr(row, name if name != "user" else "user_id")) for name in head) for row in result.rows]
    )
    if result.waiting:
        note(f"{result.waiting} credits are held for {result.waiting_accounts} accounts that nobody has bound")


def _row(row: object) -> dict[str, str]:
    names = ("user_id", "name", "earned", "moved", "allocated", "paid", "outstanding")
    return {name: str(getattr(row, name)) for name in names}


@click.command()
@scope_options
@actor_option
@click.argument("user")
@click.argument("amount")
@click.option("--reason", required=True, help="Why, in words that stay on record.")
@click.option("--evidence", default="", help="Where it was agreed (a link).")
def waive(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    actor: str | None,
    user: str,
    amount: str,
    reason: str,
    evidence: str,
) -> None:
    """Let AMOUNT credits of a negative balance go: the person (an id or @name) owes so much less.

    Example: ledger waive @alice 120 --reason "our mistake" --actor ann
    """
    from ledger.core.values import parse_amount
    from ledger.flows.paying.opening import waive as flow
    from ledger.flows.people import find_user

    try:
        credits = parse_amount(amount)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with session(node_dir, now, actor) as run:
        record = flow(run, run.scope_id(scope_id), find_user(run, user), credits, reason, evidence)
    if as_json:
        emit("waiver/1", {"waiver": record})
    else:
        out(record.encode().decode())


@click.group(cls=Group)
def opening() -> None:
    """Opening balances: what people bring from an older system, signed like a statement."""


@opening.command("write")
@scope_options
@actor_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def write(
    node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, actor: str | None, file: Path
) -> None:
    """Write a scope's opening balances from a CSV with user_id,balance,earned,paid (credits), once.

    Example: ledger opening write balances.csv --actor ann
    """
    from ledger.flows.paying.opening import write_openings

    with session(node_dir, now, actor) as run:
        result = write_openings(run, run.scope_id(scope_id), file.read_bytes(), str(file))
    if as_json:
        emit(
            "opening/1",
            {"changed": result.added, "message": result.text, "people": result.people, "total": str(result.total)},
        )
        return
    out(result.total)
    note(f"{result.people} opening balances wait for signatures: ledger opening sign --message" if result.added
         else "nothing changed: these opening balances are on record")  # fmt: skip


@opening.command("sign")
@scope_options
@message_option
@click.option("--signature", metavar="0x…", help="What a wallet's personal_sign gave over it.")
@signature_evidence_option
def sign(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    message: bool,
    signature: str | None,
    evidence: str,
) -> None:
    """Sign the opening balances; they count from the threshold's signature on.

    Example: ledger opening sign --signature 0x…
    """
    from ledger.flows.paying.opening import sign_openings, text_of

    with session(node_dir, now) as run:
        scope = run.scope_id(scope_id)
        if message or signature is None:
            click.echo(text_of(run, scope), nl=False)
            return
        record, added = sign_openings(run, scope, signature, evidence)
    if as_json:
        emit("opening-signature/1", {"signature": record, "changed": added})
    else:
        out(safe_text(record.signer_wallet))
        note("signed" if added else "nothing changed: this person has signed already")
