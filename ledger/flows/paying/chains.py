"""The chain's node that the operator names by LEDGER_RPC_URL, and what is asked of it before a plan is written."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.chain.rpc import ChainError, JsonRpc
from ledger.core.distribution import Plan, PlanLine
from ledger.core.errors import InputError
from ledger.core.money import asset_of, chain_of, decimals_of, token_of
from ledger.flows.session import Session


def chain_from(session: Session) -> JsonRpc | None:
    """The node of the chain, if one is named."""
    return chain_at(session.environ.get("LEDGER_RPC_URL"))


def chain_at(url: str | None) -> JsonRpc | None:
    """The node of the chain at an address, if there is one."""
    return JsonRpc(url) if url else None


def check_token(session: Session, asset: str, decimals: int | None) -> None:
    """InputError when a token's contract states other decimals than the plan would use; nothing without a node."""
    asset = asset_of(asset)
    token, chain = token_of(asset), chain_from(session)
    if token is None or chain is None:
        return
    wanted = decimals_of(asset, decimals)
    _require_chain(chain, asset)
    told = chain.decimals(token)
    if told != wanted:
        raise InputError(f"the contract of {token} states {told} decimals, not {wanted}", hint="Correct --decimals.")


def refusing(session: Session, plan: Plan, lines: Sequence[PlanLine]) -> list[PlanLine]:
    """The lines whose wallets would not take the asset: a contract that refuses coin, an address that a token bars.

    Nobody where no node of the chain is named, or the plan pays no asset of a chain.
    """
    chain = chain_from(session)
    if chain_of(plan.asset) is None or chain is None:
        return []
    _require_chain(chain, plan.asset)
    token = token_of(plan.asset)
    return [line for line in lines if line.destination == token or not chain.receives(token, line.destination)]


def _require_chain(chain: JsonRpc, asset: str) -> None:
    if (told := chain.chain_id()) != chain_of(asset):
        raise ChainError(f"LEDGER_RPC_URL is a node of chain {told}, the asset lives on {chain_of(asset)}")
