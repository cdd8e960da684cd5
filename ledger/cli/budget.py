"""`ledger pool` and `ledger award`: an epoch's credits, and what is paid out of them before the split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ledger.cli.decide import decision_options, evidence_option, reason_option, run_decision
from ledger.cli.group import Group
from ledger.cli.options import amount

if TYPE_CHECKING:
    from ledger.flows.decide import Decided
    from ledger.flows.session import EpochFolder, Session


@click.group(cls=Group)
def pool() -> None:
    """The epoch's credit budget, component by component; a recorded one never changes, but may be withdrawn."""


@pool.command("add")
@decision_options
@click.argument("component", type=click.Choice(["base_issuance", "kpi_bonus_v0", "top_up"]))
@click.argument("credits", metavar="AMOUNT")
@evidence_option
def pool_add(component: str, credits: str, evidence: str | None, as_json: bool, **given: Any) -> None:
    """Record a component of AMOUNT credits. `top_up` needs --evidence.

    Example: ledger pool add top_up 500 --evidence https://example.org/vote/12
    """
    from ledger.flows.budget import add_component as flow

    value = amount(credits)
    run_decision(given, lambda run, folder: flow(run, folder, component, value, evidence), as_json)


@pool.command("withdraw")
@decision_options
@click.argument("component", type=click.Choice(["base_issuance", "carry_over", "kpi_bonus_v0", "top_up"]))
@reason_option
def pool_withdraw(component: str, reason: str, as_json: bool, **given: Any) -> None:
    """Take a component back, as an approver; it may then be recorded anew. Both lines stay on record.

    Example: ledger pool withdraw base_issuance --reason "a zero too many"
    """
    from ledger.flows.budget import withdraw_component as flow

    run_decision(given, lambda run, folder: flow(run, folder, component, reason), as_json)


@click.group(cls=Group)
def award() -> None:
    """Credits for one person, paid out of the pool before the rest is split by units."""


@award.command("give")
@decision_options
@click.argument("user_id", metavar="USER")
@click.argument("credits", metavar="AMOUNT")
@click.option("--name", metavar="NAME", help="What cancelling names (a-z, 0-9, . _ -). Default: the next award-N.")
@reason_option
@evidence_option
def award_give(
    user_id: str, credits: str, name: str | None, reason: str, evidence: str | None, as_json: bool, **given: Any
) -> None:
    """Award AMOUNT credits to a user, by id or @name.

    Example: ledger award give @alice 500 --name host-june --reason "hosted the June assembly"
    """
    from ledger.flows.budget import award as flow
    from ledger.flows.people import find_user

    value = amount(credits)

    def decide(run: Session, folder: EpochFolder) -> Decided:
        return flow(run, folder, find_user(run, user_id), value, reason, name=name, evidence=evidence)

    run_decision(given, decide, as_json)


@award.command("cancel")
@decision_options
@click.argument("name")
@reason_option
@evidence_option
def award_cancel(name: str, reason: str, evidence: str | None, as_json: bool, **given: Any) -> None:
    """Take an award back, by its name.

    Example: ledger award cancel host-june --reason "was paid by the city"
    """
    from ledger.flows.budget import cancel_award as flow

    run_decision(given, lambda run, folder: flow(run, folder, name, reason, evidence=evidence), as_json)
