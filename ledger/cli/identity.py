"""`ledger identity`: who an account belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from ledger.cli.group import Group
from ledger.cli.options import actor_option, json_option, node_option, now_option, options, scope_options, session
from ledger.cli.output import emit, note, out, plain, table
from ledger.core.errors import UsageError


@click.group(cls=Group)
def identity() -> None:
    """Bind accounts to people, and see who is not bound yet."""


@identity.command("bind")
@options(node_option, actor_option, now_option, json_option)
@click.argument("provider", required=False)
@click.argument("external_id", required=False)
@click.option(
    "--file", "many", type=click.File("rb"), help="Bind all accounts of this CSV or JSONL file; `-` is stdin."
)
@click.option("--user", "user_id", metavar="UUID", help="The user; left out, a new one is made from this account.")
@click.option("--login", help="A readable name for the account.")
@click.option("--evidence", default="", help="Where anyone can see that this is true (a link).")
def bind(
    node_dir: Path | None,
    actor: str | None,
    now: str | None,
    as_json: bool,
    provider: str | None,
    external_id: str | None,
    many: BinaryIO | None,
    user_id: str | None,
    login: str | None,
    evidence: str,
) -> None:
    """Bind the account EXTERNAL_ID of PROVIDER (git, github, discord, file, wallet, did) to a user.

    A git account is the SHA-256 of the lower-cased address; an address with @ is hashed here and never stored.

    A file binds many at once: columns `provider`, `account`, and where wanted `login`, `evidence`, `user` (an id) and
    `person` (any word: its rows become one person). All of its rows are bound, or none.

    Example: ledger identity bind github 1234567 --login alice --evidence https://example.org/proof

    Example: ledger identity bind --file people.csv --evidence https://example.org/assembly/3
    """
    from ledger.flows.accounts import voucher
    from ledger.flows.identity import bind as flow
    from ledger.flows.views import in_review

    if many is not None:
        if provider or external_id or user_id or login:
            raise UsageError("give an account or --file, not both")
        _bind_file(node_dir, now, actor, many, evidence, as_json)
        return
    if not provider or not external_id:
        raise UsageError("which account?", hint="Give PROVIDER and EXTERNAL_ID, or --file FILE.")
    with session(node_dir, now, actor) as run:
        result = flow(
            run,
            provider,
            external_id,
            user_id=user_id,
            login=login,
            evidence=evidence,
            actor=voucher(run),
        )
        drafted = in_review(run) if result.added else []
    _tell(result.user_id, result.added, "bound to", drafted, as_json)


def _bind_file(
    node_dir: Path | None, now: str | None, actor: str | None, many: BinaryIO, evidence: str, as_json: bool
) -> None:
    from ledger.flows.accounts import voucher
    from ledger.flows.batch import MOST_BYTES, bind_file
    from ledger.flows.views import in_review

    with session(node_dir, now, actor) as run:
        found = bind_file(run, many.read(MOST_BYTES + 1), many.name, evidence=evidence, actor=voucher(run))
        drafted = in_review(run)
    new = sum(one.added for one in found)
    if as_json:
        emit("bindings/1", {"accounts": len(found), "changed": new, "users": [one.user_id for one in found]})
        return
    for one in found:
        out(one.user_id)
    note(
        f"{new} of {len(found)} accounts bound now" + ("; the others were bound so already" if new < len(found) else "")
    )
    _tell_drafted(drafted if new else [])


@identity.command("unbind")
@options(node_option, actor_option, now_option, json_option)
@click.argument("provider")
@click.argument("external_id")
@click.option("--evidence", required=True, help="Why, with a link where there is one.")
def unbind(
    node_dir: Path | None,
    actor: str | None,
    now: str | None,
    as_json: bool,
    provider: str,
    external_id: str,
    evidence: str,
) -> None:
    """Take an account from its user. Finalized epochs stay as they are.

    Example: ledger identity unbind github 1234567 --evidence "account sold"
    """
    from ledger.flows.accounts import voucher
    from ledger.flows.identity import unbind as flow
    from ledger.flows.views import in_review

    with session(node_dir, now, actor) as run:
        result = flow(run, provider, external_id, evidence=evidence, actor=voucher(run))
        drafted = in_review(run) if result.added else []
    _tell(result.user_id, result.added, "unbound from", drafted, as_json)


account_options = options(node_option, now_option, json_option)
user_option = click.option(
    "--user", "user_id", metavar="UUID", help="The user to join; left out, a new one is made from this account."
)


@identity.command("challenge")
@account_options
@click.argument("provider")
@click.argument("external_id")
@user_option
def challenge(
    node_dir: Path | None, now: str | None, as_json: bool, provider: str, external_id: str, user_id: str | None
) -> None:
    """Print what proves that an account is yours: the text that a wallet signs, the code that any other account posts.

    Example: ledger identity challenge github 1234567
    """
    from ledger.flows.proof import challenge as flow

    with session(node_dir, now) as run:
        asked = flow(run, provider, external_id, user_id)
    if as_json:
        emit("challenge/1", {"text": asked.text, "code": asked.code, "user_id": asked.user_id, "nonce": asked.nonce})
    elif provider == "wallet":
        click.echo(asked.text, nl=False)
        note("")
        note("sign this text, then: ledger identity prove wallet ADDRESS --signature 0x…")
    else:
        out(asked.code)
        note("post exactly this from the account where the ledger collects, run `ledger collect`, then:")
        note(f"  ledger identity prove {provider} {external_id} --event EVENT")


@identity.command("prove")
@account_options
@click.argument("provider")
@click.argument("external_id")
@user_option
@click.option("--login", help="A readable name for the account.")
@click.option(
    "--signature", "signatures", multiple=True, metavar="0x…", help="A wallet's signature over the challenge."
)
@click.option("--event", "events", multiple=True, metavar="EVENT", help="A collected event whose text is the code.")
def prove(
    node_dir: Path | None,
    now: str | None,
    as_json: bool,
    provider: str,
    external_id: str,
    user_id: str | None,
    login: str | None,
    signatures: tuple[str, ...],
    events: tuple[str, ...],
) -> None:
    """Bind your own account, by the answers to its challenge. Joining an existing user takes one of his accounts too.

    Example: ledger identity prove github 1234567 --event github:comment:owner/repo:99
    """
    from ledger.flows.proof import prove as flow
    from ledger.flows.views import in_review

    with session(node_dir, now) as run:
        result = flow(run, provider, external_id, user_id=user_id, login=login, signatures=signatures, events=events)
        drafted = in_review(run) if result.added else []
    _tell(result.user_id, result.added, "bound to", drafted, as_json)


@identity.command("list")
@options(node_option, json_option)
def list_(node_dir: Path | None, as_json: bool) -> None:
    """All bound accounts with their users.

    Example: ledger identity list
    """
    from ledger.flows.identity import bound_accounts

    with session(node_dir) as run:
        rows = bound_accounts(run)
    if as_json:
        emit("identities/1", {"accounts": rows})
    else:
        table(("user", "provider", "account", "login"), [(r.user_id, r.provider, r.external_id, r.login) for r in rows])


@identity.command("unresolved")
@scope_options
@click.option("--owed", is_flag=True, help="One line an account over all finalized epochs, with credits at their rate.")
def unresolved(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, owed: bool) -> None:
    """Accounts that nobody had bound, and the units that their events would earn, per epoch.

    With --owed: what accounts earned in epochs that are closed, bound since then or not, from which approvers can
    decide a top_up. The credits are units times that epoch's credits per unit, cut. Where shares are held, only those
    that wait: one that was claimed is in `ledger book`, one that lapsed went into a later pool.

    Example: ledger identity unresolved --owed
    """
    from ledger.core.values import units_text
    from ledger.flows.identity import owed_totals
    from ledger.flows.identity import unresolved as view

    with session(node_dir, now, everywhere=True) as run:
        if owed:
            totals = owed_totals(run, scope_id)
            if as_json:
                emit(
                    "owed/1",
                    {"accounts": [{**plain(t), "units": str(t.units), "credits": str(t.credits)} for t in totals]},
                )
            else:
                table(
                    ("source", "account", "login", "user", "epochs", "units", "credits"),
                    [
                        (t.source, t.account, t.login or "", t.user_id or "", t.epochs, units_text(t.units), t.credits)
                        for t in totals
                    ],
                )
            return
        rows = view(run, scope_id)
    if as_json:
        data = [plain(row) for row in rows]
        for row in data:
            row["account"]["units"] = str(row["account"]["units"])
        emit("unresolved/1", {"accounts": data})
        return
    table(
        ("epoch", "state", "source", "account", "login", "events", "units it would earn"),
        [
            (
                f"{row.scope_id}/{row.epoch_id}",
                row.state,
                row.account.source,
                row.account.platform_user_id,
                row.account.platform_login or "",
                row.account.event_count,
                units_text(row.account.units),
            )
            for row in rows
        ],
    )


def _tell(user_id: str, added: bool, words: str, drafted: list[str], as_json: bool) -> None:
    if as_json:
        emit("binding/1", {"user_id": user_id, "changed": added})
        return
    out(user_id)
    note(f"{words} user {user_id}" if added else "nothing changed: that is how it stands already")
    _tell_drafted(drafted)


def _tell_drafted(drafted: list[str]) -> None:
    for place in drafted:
        note(f"{place} is in review over the bindings as they were: `ledger statement --refresh` takes this in")
