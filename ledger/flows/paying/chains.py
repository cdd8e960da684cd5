"""The chain's node that the operator names by LEDGER_RPC_URL, and what is asked of it before a plan is written."""

from __future__ import annotations

from ledger.chain.rpc import ChainError, JsonRpc
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
    if chain.chain_id() != chain_of(asset):
        raise ChainError(f"LEDGER_RPC_URL is a node of chain {chain.chain_id()}, the asset lives on {chain_of(asset)}")
    told = chain.decimals(token)
    if told != wanted:
        raise InputError(f"the contract of {token} states {told} decimals, not {wanted}", hint="Correct --decimals.")
