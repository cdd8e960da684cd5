"""Transfers on an EVM chain: what tokens of a list came into a treasury, in blocks that the chain calls final."""

from ledger.sources.onchain.source import OnchainOptions, OnchainSource

__all__ = ["OnchainOptions", "OnchainSource"]
