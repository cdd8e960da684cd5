"""`ledger import`: move in from SourceCred and from lists of people; a dry run unless `--write` is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from ledger.cli.group import Group
from ledger.cli.options import actor_option, json_option, node_option, now_option, options, scope_option, session
from ledger.cli.output import emit, note, out, plain, safe_text, table

if TYPE_CHECKING:
    from ledger.core.history import System
    from ledger.flows.importing.terms import Report

F = TypeVar("F", bound=Callable[..., Any])
SHOWN = 10
import_options = options(
    node_option,
    scope_option,
    actor_option,
    now_option,
    click.option("--write", is_flag=True, help="Write it. Without this everything is done but writing."),
    click.option("--origin", default="", metavar="LINK", help="Where anyone can see the file (repository and commit)."),
    click.option("--leave-out", multiple=True, metavar="NAME", help="Bring this person without account and balance."),
    click.option(
        "--accounts",
        type=click.File("rb"),
        help="A CSV with provider,name,account: numbers of accounts that you looked up.",
    ),
    click.option("--names", type=click.Choice(["show", "hide"]), default="show", help="Whether names are published."),
    json_option,
)
rate_option = click.option(
    "--credits-per-unit",
    "rate",
    type=click.IntRange(min=1, max=2**53 - 1),
    metavar="N",
    help="Whole credits for one unit there (one grain).",
)


@click.group("import", cls=Group)
def import_() -> None:
    """Move in from an older system: people, history, balances. Without --write nothing is written."""


@import_.command("sourcecred")
@import_options
@rate_option
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
def sourcecred(folder: Path, rate: int | None, write: bool, as_json: bool, **given: Any) -> None:
    """Read a SourceCred instance in FOLDER (sourcecred.json, config/, data/, output/) and say what would come.

    Identities become bindings, share-outs history, grain balances the scope's opening balances, which approvers sign.

    Example: ledger import sourcecred ../cred --credits-per-unit 1000

    Example: ledger import sourcecred ../cred --credits-per-unit 1000 --origin https://example.org/cred --write
    """
    from ledger.flows.importing.sourcecred import import_sourcecred

    with session(given["node_dir"], given["now"], given["actor"], quiet=as_json) as run:
        terms = _terms(given, rate, 18)
        _tell(import_sourcecred(run, run.scope_id(given["scope_id"]), folder, terms, write=write), as_json)


@import_.command("all-contributors")
@import_options
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def all_contributors(file: Path, write: bool, as_json: bool, **given: Any) -> None:
    """Read FILE, an .all-contributorsrc: who contributed what, without dates.

    Example: ledger import all-contributors ../project/.all-contributorsrc --write
    """
    _list("all-contributors", file, None, 0, write, as_json, given)


@import_.command("opencollective")
@import_options
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def opencollective(file: Path, write: bool, as_json: bool, **given: Any) -> None:
    """Read FILE, a collective's members as Open Collective exports them (opencollective.com/NAME/members/all.json).

    Example: ledger import opencollective all.json --write
    """
    _list("opencollective", file, None, 0, write, as_json, given)


@import_.command("csv")
@import_options
@rate_option
@click.option("--decimals", type=click.IntRange(0, 18), default=2, help="Decimals of a unit in the table (default 2).")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def csv(file: Path, rate: int | None, decimals: int, write: bool, as_json: bool, **given: Any) -> None:
    """Read FILE, a table with a header: person, and where there are any provider, account, kind, date, link, quantity,
    balance, earned.

    Example: ledger import csv old.csv --credits-per-unit 100 --write
    """
    _list("csv", file, rate, decimals, write, as_json, given)


@import_.command("undo")
@options(node_option, scope_option, actor_option, now_option, json_option)
@click.argument("system", type=click.Choice(["all-contributors", "csv", "opencollective", "sourcecred"]))
def undo(
    system: System, node_dir: Path | None, scope_id: str | None, actor: str | None, now: str | None, as_json: bool
) -> None:
    """Take an import's history and balances away, while nobody has signed them. Bindings stay.

    Example: ledger import undo sourcecred
    """
    from ledger.flows.importing.bring import undo as flow

    with session(node_dir, now, actor) as run:
        changed = flow(run, run.scope_id(scope_id), system)
    if as_json:
        emit("import-undo/1", {"changed": changed})
    else:
        note("taken away; bindings stay (ledger identity unbind)" if changed else "nothing changed: there is none")


def _terms(given: dict[str, Any], rate: int | None, decimals: int) -> Any:
    from ledger.flows.importing.terms import Terms

    accounts: BinaryIO | None = given["accounts"]
    return Terms(
        rate=rate,
        decimals=decimals,
        leave_out=given["leave_out"],
        accounts=None if accounts is None else accounts.read(),
        accounts_name="" if accounts is None else accounts.name,
        origin=given["origin"],
        show_names=given["names"] == "show",
    )


def _list(
    system: System, file: Path, rate: int | None, decimals: int, write: bool, as_json: bool, given: dict[str, Any]
) -> None:
    from ledger.flows.importing.lists import import_list

    with session(given["node_dir"], given["now"], given["actor"], quiet=as_json) as run:
        terms = _terms(given, rate, decimals)
        _tell(import_list(run, run.scope_id(given["scope_id"]), system, file, terms, write=write), as_json)


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        emit("import/1", plain(report))
        return
    unit = report.unit
    out(f"{report.people} people, {report.bound} bindings, {len(report.unbound)} accounts that nobody is bound to")
    reasons: dict[str, list[str]] = {}
    for name, account, why in report.unbound:
        reasons.setdefault(why, []).append(f"    {name}: {account}")
    # a reason may hold the account's own text, so there may be as many as accounts
    for why, them in sorted(reasons.items(), key=lambda each: -len(each[1]))[:SHOWN]:
        out(safe_text(f"  {len(them)}: {why}", 200))
        for each in them[:SHOWN]:
            out(safe_text(each, 200))
        if len(them) > SHOWN:
            out(f"    and {len(them) - SHOWN} more (--json has all)")
    if len(reasons) > SHOWN:
        out(f"  and {len(reasons) - SHOWN} more reasons (--json has all)")
    for words, count in {**report.left_out, **report.counts}.items():
        out(safe_text(f"{count} {words}", 200))
    for words, count in report.again.items():
        out(f"computed again: {count} {words}")
    if report.wallets:
        out(f"{report.wallets} payout addresses are not taken: a wallet proves itself (ledger identity prove)")
    if report.balances or report.nobody_minor:
        out(f"owed there: {_units(report.total_minor, report.decimals)} {unit}, here {report.total_credits} credits; "
            f"whole credits leave {_units(report.remainder_minor, report.decimals)} of a credit")  # fmt: skip
        if report.nobody_minor:
            out(f"NOT brought: {_units(report.nobody_minor, report.decimals)} {unit} of people left out or unknown")
        rows = [(safe_text(name, 60), user, str(credits)) for name, user, credits in report.balances[:SHOWN]]
        table(("person", "user", "credits"), rows)
        if len(report.balances) > SHOWN:
            out(f"and {len(report.balances) - SHOWN} more")
    if report.weights:
        out(report.weights.rstrip())
    if not report.written:
        note("dry run: nothing was written. Add --write when this is right.")
        return
    note("written" if report.changed else "nothing changed: this is on record")
    if report.text:
        note("they count once approvers signed: ledger opening sign --message")


def _units(minor: int, decimals: int) -> str:
    from ledger.core.money import decimal_text

    text = decimal_text(minor, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text
