"""Which rail answers to which name: ours by a line here, third parties' by the entry point group `ledger.rails`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from ledger.core.errors import ConfigError
from ledger.rails.port import Rail

BUILT_IN = {
    "csv": "ledger.rails.plain_csv:PlainCsv",
    "drips": "ledger.rails.drips:Drips",
    "github_sponsors": "ledger.rails.github_sponsors:GithubSponsors",
    "merkle_oz": "ledger.rails.merkle_oz:OpenZeppelinMerkle",
    "merkle_uniswap": "ledger.rails.merkle_uniswap:UniswapMerkle",
    "opencollective": "ledger.rails.opencollective:OpenCollective",
    "paypal": "ledger.rails.paypal:PayPal",
    "safe_csv": "ledger.rails.safe_csv:SafeCsv",
    "safe_tx_builder": "ledger.rails.safe_tx_builder:SafeTransactionBuilder",
    "sepa": "ledger.rails.sepa:Sepa",
    "splits": "ledger.rails.splits:Splits",
    "wise": "ledger.rails.wise:Wise",
}


def available() -> list[str]:
    """The names of all rails, sorted; a third party cannot replace one of ours."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group="ledger.rails"))})


def rail(kind: str) -> Rail:
    """The rail of this name; ConfigError for an unknown one."""
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        return getattr(import_module(module), name)()  # type: ignore[no-any-return]
    for point in entry_points(group="ledger.rails", name=kind):
        return point.load()()  # type: ignore[no-any-return]
    raise ConfigError(f"there is no rail `{kind}`", hint=f"Available: {', '.join(available())}. See docs/pay.md.")
