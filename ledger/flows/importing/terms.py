"""What a person says about an import, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.core.history import System


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person says about an import: the rate, who is left out, accounts that he knows, where the file is from."""

    rate: int | None = None
    decimals: int = 0
    leave_out: tuple[str, ...] = ()
    accounts: bytes | None = None
    accounts_name: str = "accounts"
    origin: str = ""
    show_names: bool = True


@dataclass
class Report:
    """What an import found and did, or would do. Amounts in the older system's minor units, as its `decimals` say."""

    system: System
    scope_id: str
    file_sha256: str
    unit: str
    decimals: int
    people: int = 0
    bound: int = 0
    unbound: list[tuple[str, str, str]] = field(default_factory=list)
    """(person, provider/name, why): accounts that nobody is bound to by this."""
    left_out: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    """How many past share-outs could be computed again, and why the others could not."""
    total_minor: int = 0
    nobody_minor: int = 0
    total_credits: int = 0
    remainder_minor: int = 0
    balances: list[tuple[str, str, int]] = field(default_factory=list)
    """(person, user, credits), the largest first."""
    weights: str = ""
    wallets: int = 0
    text: str = ""
    written: bool = False
    changed: bool = False
