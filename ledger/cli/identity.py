"""`ledger identity`: who an account belongs to."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.options import actor_option, json_option, node_option, now_option, options, scope_option, session
from ledger.cli.output import emit, note, out, plain, table


@click.group()
def identity() -> None:
    """Bind accounts to people, and see who is not bound yet."""


@identity.command("bind")
@options(node_option, actor_option, now_option, json_option)
@click.argument("provider")
@click.argument("external_id")
@click.option("--user", "user_id", metavar="UUID", help="The user; left out, a new one is made from this account.")
@click.option("--login", help="A readable name for the account.")
@click.option("--evidence", default="", help="Where anyone can see that this is true (a link).")
def bind(
    node_dir: Path | None,
    actor: str | None,
    now: str | None,
    as_json: bool,
    provider: str,
    external_id: str,
    user_id: str | None,
    login: str | None,
    evidence: str,
) -> None:
    """Bind the account EXTERNAL_ID of PROVIDER (git, github, discord, file, wallet, did) to a user.

    A git account is the SHA-256 of the lower-cased address; an address with @ is hashed here and never stored.

    Example: ledger identity bind github 1234567 --login alice --evidence https://example.org/proof
    """
    from ledger.flows.identity import bind as flow

    with session(node_dir, now, actor) as run:
        result = flow(
            run,
            provider,
            external_id,
            user_id=user_id,
            login=login,
            evidence=evidence,
            actor=_actor(run.actor),
        )
    _tell(result.user_id, result.added, "bound to", as_json)


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
    from ledger.flows.identity import unbind as flow

    with session(node_dir, now, actor) as run:
        result = flow(run, provider, external_id, evidence=evidence, actor=_actor(run.actor))
    _tell(result.user_id, result.added, "unbound from", as_json)


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
@options(node_option, scope_option, now_option, json_option)
def unresolved(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool) -> None:
    """Accounts that nobody has bound, and the units that their events would earn, per epoch.

    Example: ledger identity unresolved
    """
    from ledger.core.values import units_text
    from ledger.flows.identity import unresolved as view

    with session(node_dir, now) as run:
        rows = view(run, scope_id)
    if as_json:
        data = [plain(row) for row in rows]
        for row in data:
            row["account"]["units"] = str(row["account"]["units"])
        emit("unresolved/1", {"accounts": data})
        return
    table(
        ("epoch", "state", "source", "account", "login", "events", "would earn"),
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


def _actor(actor: str | None) -> str:
    return actor or "operator"


def _tell(user_id: str, added: bool, words: str, as_json: bool) -> None:
    if as_json:
        emit("binding/1", {"user_id": user_id, "changed": added})
        return
    out(user_id)
    note(f"{words} user {user_id}" if added else "nothing changed: that is how it stands already")
