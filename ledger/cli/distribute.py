"""`ledger distribute`: from balances to a plan that people sign, and to payment files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.group import Group
from ledger.cli.options import (
    actor_option,
    distribution_option,
    keystore_option,
    message_option,
    scope_options,
    session,
    signature_evidence_option,
)
from ledger.cli.output import emit, note, out, safe_text, table
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from ledger.core.distribution import Plan


@click.group(cls=Group)
def distribute() -> None:
    """Turn what is owed into a plan that approvers sign, and into the files that a bank, a Safe or a platform reads."""


@distribute.command("plan")
@scope_options
@actor_option
@click.option(
    "--rail", required=True, help="How it is paid: safe_csv, sepa, merkle_oz, csv, … (`--rail help` lists all)."
)
@click.option("--asset", required=True, help="EUR, USD, …, or a token by its CAIP-19 name eip155:1/erc20:0x….")
@click.option("--rate", required=True, help="Units of the asset for one credit: 0.155, or 1/3.")
@click.option("--rate-source", required=True, help="Where the rate comes from, in words or as a link.")
@click.option("--decimals", type=click.IntRange(0, 36), help="Decimals of a token that the ledger does not know.")
@click.option("--minimum", default="0", help="Smallest amount that is paid, in units of the asset; less is carried on.")
@click.option("--on-decline", type=click.Choice(["redistribute", "return"]), help="Default: the scope's file.")
def plan(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    actor: str | None,
    rail: str,
    asset: str,
    rate: str,
    rate_source: str,
    decimals: int | None,
    minimum: str,
    on_decline: Any,
) -> None:
    """Prepare the next distribution over everything that is owed. Nothing is paid by it.

    With LEDGER_RPC_URL set, the decimals of a token are compared with its contract.

    Example: ledger distribute plan --rail sepa --asset EUR --rate 0.155 --rate-source https://example.org/vote/12
    """
    from ledger.flows.paying.chains import check_token
    from ledger.flows.paying.plan import PlanWish
    from ledger.flows.paying.plan import plan as flow

    with session(node_dir, now, actor) as run:
        check_token(run, asset, decimals)
        wish = PlanWish(rail, asset, rate, rate_source, decimals, minimum, on_decline)
        result = flow(run, run.scope_id(scope_id), wish)
    found = result.plan
    if as_json:
        emit(
            "distribution-plan/1",
            {"changed": result.added, "message": found.signed_text, "plan": found, "plan_hash": found.plan_hash},
        )
        return
    _tell(found)
    note("next: `ledger distribute sign --message` gives the text to sign" if result.added
         else f"nothing changed: distribution {found.distribution} is a draft already")  # fmt: skip


def _tell(found: Plan) -> None:
    from ledger.core.money import asset_symbol, decimal_text

    symbol = asset_symbol(found.asset)
    rows = [
        (
            line.reference,
            line.user_id,
            decimal_text(line.amount_minor, found.decimals),
            line.amount_credits,
            line.destination,
        )
        for line in found.lines
    ]
    table(("reference", "user", symbol[:12], "credits", "to"), rows)
    for line in found.left_out:
        note(f"left out: {line.user_id} {line.amount_credits} credits ({line.reason})")
    total = decimal_text(found.total_minor, found.decimals)
    note(f"distribution {found.distribution}: {len(found.lines)} people, {total} {symbol} allocated by {found.rail}")


@distribute.command("show")
@scope_options
@distribution_option
def show(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, number: int | None) -> None:
    """A distribution line by line: who, how much, where to, and what became of it.

    Example: ledger distribute show -n 3
    """
    from ledger.core.distribution import line_states
    from ledger.core.money import asset_symbol, decimal_text
    from ledger.core.settling import status
    from ledger.flows.paying.plan import latest

    with session(node_dir, now) as run:
        found = latest(run, run.scope_id(scope_id), number)
        state, lines = status(found), line_states(found.plan, found.settlements)
    if as_json:
        states = {ref: lines[ref].state if ref in lines else "allocated" for ref in found.plan.by_reference}
        emit(
            "distribution-view/1",
            {"lines": states, "plan": found.plan, "plan_hash": found.plan.plan_hash, "state": state.state},
        )
        return
    rows = [
        (line.reference, line.user_id, decimal_text(line.amount_minor, found.plan.decimals),
         lines[line.reference].state if line.reference in lines else "allocated",
         _evidence(lines.get(line.reference)))
        for line in found.plan.lines
    ]  # fmt: skip
    table(("reference", "user", asset_symbol(found.plan.asset)[:12], "state", "evidence"), rows)
    for left in found.plan.left_out:
        note(f"left out: {left.user_id} {left.amount_credits} credits ({left.reason})")
    note(f"distribution {found.plan.distribution} is {state.state}; plan hash {found.plan.plan_hash}")


def _evidence(entry: Any) -> str:
    if entry is None:
        return ""
    found = entry.evidence
    return safe_text(
        f"{found.get('kind')} {found.get('transaction') or found.get('ref') or found.get('note') or ''}", 90
    )


@distribute.command("status")
@scope_options
def status_(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Every distribution of the scope and where it stands.

    Example: ledger distribute status
    """
    from ledger.core.money import asset_symbol, decimal_text
    from ledger.flows.paying.plan import statuses

    with session(node_dir, now) as run:
        found = statuses(run, run.scope_id(scope_id))
    if as_json:
        emit("distributions/1", {"distributions": [
            {"asset": each.plan.asset, "distribution": each.distribution, "lines": each.lines,
             "open_minor": str(each.open_minor), "plan_hash": each.plan.plan_hash, "rail": each.plan.rail,
             "stands_at": each.stands_at, "state": each.state, "total_minor": str(each.plan.total_minor)}
            for each in found
        ]})  # fmt: skip
        return
    rows = [
        (each.distribution, each.state, each.plan.rail, asset_symbol(each.plan.asset),
         decimal_text(each.plan.total_minor, each.plan.decimals), decimal_text(each.open_minor, each.plan.decimals),
         ", ".join(f"{count} {state}" for state, count in each.lines.items()))
        for each in found
    ]  # fmt: skip
    table(("n", "state", "rail", "asset", "total", "open", "lines"), rows)


@distribute.command("sign")
@scope_options
@distribution_option
@message_option
@click.option("--signature", metavar="0x…", help="What a wallet's personal_sign gave over it.")
@keystore_option
@signature_evidence_option
def sign(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    number: int | None,
    message: bool,
    signature: str | None,
    keystore: Path | None,
    evidence: str,
) -> None:
    """Add an approver's signature over the plan, after computing it again. It stands once enough people signed.

    Example: ledger distribute sign --signature 0x…
    """
    from ledger.cli.options import password
    from ledger.flows.keystore import keystore_signature
    from ledger.flows.paying.plan import latest, sign_plan

    with session(node_dir, now) as run:
        scope = run.scope_id(scope_id)
        text = latest(run, scope, number).plan.signed_text
        if message:
            click.echo(text, nl=False)
            return
        if (signature is None) == (keystore is None):
            raise UsageError("give either --signature or --keystore", hint="--message prints the text to sign.")
        if keystore is not None:
            signature = keystore_signature(text, keystore, lambda: password(run.environ))
        result = sign_plan(run, scope, number, signature or "", evidence)
    if as_json:
        emit("distribution-signature/1", {"changed": result.added, "people": result.people, "person": result.person,
                                          "signature": result.signature, "threshold": result.threshold})  # fmt: skip
        return
    out(result.signature.encode().decode())
    done = len(result.people) >= result.threshold
    note(f"signed by {result.person}: {len(result.people)} of {result.threshold}" if result.added
         else f"nothing changed: {result.person} has signed already")  # fmt: skip
    if done:
        note("the plan stands; next: `ledger distribute export --out FOLDER`")


@distribute.command("export")
@scope_options
@distribution_option
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder outside the node.",
)
@click.option(
    "--payees", type=click.Path(path_type=Path, dir_okay=False), help="Your own CSV: user_id and name, iban, paypal, …"
)
@click.option(
    "--template", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="The provider's own table (wise)."
)
@click.option(
    "--option", "pairs", multiple=True, metavar="NAME=VALUE", help="What the rail asks for, such as debtor_iban=…."
)
@click.option(
    "--skip-missing", is_flag=True, help="Leave out who has no details, or whose wallet refuses; they stay outstanding."
)
def export(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    number: int | None,
    folder: Path,
    payees: Path | None,
    template: Path | None,
    pairs: tuple[str, ...],
    skip_missing: bool,
) -> None:
    """Write the payment files of a signed plan. Bank details come from your own file and go into these files alone.

    With LEDGER_RPC_URL set, each wallet is tried first by a dry call: one that cannot receive is told, nothing written.

    Example: ledger distribute export --out ~/payments --payees ~/payees.csv --option debtor_name=Acme
    """
    from ledger.flows.paying.export import export as flow

    given = dict(pair.partition("=")[::2] for pair in pairs)
    with session(node_dir, now) as run:
        result = flow(run, run.scope_id(scope_id), number, folder, payees=payees, template=template, options=given,
                      skip_missing=skip_missing)  # fmt: skip
    if as_json:
        emit(
            "distribution-export/1",
            {"files": [str(path) for path in result.files], "lines": result.lines, "missing": result.missing},
        )
        return
    for path in result.files:
        out(safe_text(path, 300))
    note(f"{result.lines} lines; once they are paid: `ledger settle`")
    if result.missing:
        note(f"{len(result.missing)} people are left out (no details, or a wallet that refuses), and stay outstanding")


@distribute.command("abandon")
@scope_options
@actor_option
@distribution_option
@click.option("--reason", required=True, help="Why, in words that stay on record.")
@message_option
@click.option("--signature", "signatures", multiple=True, metavar="0x…", help="One for each of the threshold's people.")
def abandon(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    actor: str | None,
    number: int | None,
    reason: str,
    message: bool,
    signatures: tuple[str, ...],
) -> None:
    """Give a distribution up. What it does not pay is owed again; one that was signed takes the threshold's signatures.

    Example: ledger distribute abandon --reason "wrong rate" --actor ann
    """
    from ledger.flows.paying.plan import abandon as flow
    from ledger.flows.paying.plan import latest

    with session(node_dir, now, actor) as run:
        scope = run.scope_id(scope_id)
        if message:
            click.echo(latest(run, scope, number).plan.abandoned_text(reason), nl=False)
            return
        record, changed = flow(run, scope, number, reason, signatures)
    if as_json:
        emit("distribution-abandoned/1", {"changed": changed, "settlement": record})
        return
    out(record.encode().decode())
    note("abandoned: what it did not pay is owed again" if changed else "nothing changed: it was abandoned before")
