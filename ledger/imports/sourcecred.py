"""SourceCred's `data/ledger.json`: replayed by SourceCred's own rules, event by event, to identities and history lines.

Both of its forms: one JSON event a line, and the older array with one event a line and commas between. What breaks one
of SourceCred's rules stops the import at its line, as SourceCred itself would stop there. Amounts are whole numbers of
10^-18 grain. No policy is run here (see `scores`); what was given to whom is a fact of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.core.canonical import clean_text, nesting
from ledger.core.errors import InputError
from ledger.core.history import RECEIPTS_A_LINE
from ledger.core.values import from_milliseconds
from ledger.imports.found import Alias, HistoryDraft, Identity

DECIMALS = 18
LONGEST = 64 * 1024 * 1024
"""Bytes of a line: one distribution to a million people."""
_ID = re.compile(r"[A-Za-z0-9+/_-]{22}")
_GRAIN = re.compile(r"0|[1-9][0-9]{0,37}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SNOWFLAKE = re.compile(r"[1-9][0-9]{0,19}")


@dataclass
class _Account:
    identity: Identity
    balance: int = 0
    active: bool = False
    payable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """One allocation as the file has it, for `scores` to compute again: receipts in the order of the file."""

    line: int
    policy: dict[str, Any]
    until_ms: int
    receipts: tuple[tuple[str, int], ...]


def events(lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each event with its line number, in either form of the file; InputError for what is no event."""
    array = ended = False
    for number, raw in enumerate(lines, start=1):
        text = raw.strip()
        if number == 1 and text[:1] == b"[":
            array = True
            if text not in (b"[", b"[]"):
                raise _wrong(number, "an array in one line; SourceCred writes one event a line")
            ended = text == b"[]"
            continue
        if array and text == b"]":
            ended = True
            continue
        if not text:
            continue
        if ended:
            raise _wrong(number, "goes on after the end of the array")
        if len(text) > LONGEST or _depth(text) > 12:
            raise _wrong(number, "is too long or nested too deeply")
        try:
            value = json.loads(text[:-1] if array and text.endswith(b",") else text)
        except (UnicodeDecodeError, ValueError):
            raise _wrong(number, "is no JSON; is this data/ledger.json of an instance, whole?") from None
        if not isinstance(value, dict):
            raise _wrong(number, "is no event")
        yield number, value
    if array and not ended:
        raise _wrong(0, "the array has no end: the file is cut off")


def _depth(text: bytes) -> int:
    """How deep the line nests; lines without an escape, which the long ones are, are looked at the quick way."""
    if b"\\" in text:
        return nesting(text)
    return nesting(b"".join(text.split(b'"')[::2]))


class Replay:
    """The state of a SourceCred ledger after the events so far; `step` gives the history lines of one more."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._own: dict[str, str] = {}
        """Each id once, so that a million receipts do not hold a million copies of it."""
        self._names: set[str] = set()
        self._aliases: dict[str, str] = {}
        self._latest = -(2**62)
        self._accounting = True
        self._currency: str | None = None
        self._acts: dict[str, Callable[[int, dict[str, Any], str], Iterator[HistoryDraft]]] = {
            "ADD_ALIAS": self._alias,
            "CHANGE_IDENTITY_TYPE": self._retype,
            "CREATE_IDENTITY": self._create,
            "DISABLE_ACCOUNTING": self._disable,
            "DISTRIBUTE_GRAIN": self._distribute,
            "ENABLE_ACCOUNTING": self._enable,
            "MERGE_IDENTITIES": self._merge,
            "REMOVE_EXTERNAL_CURRENCY": self._no_currency,
            "RENAME_IDENTITY": self._rename,
            "SET_EXTERNAL_CURRENCY": self._set_currency,
            "SET_PAYOUT_ADDRESS": self._payable,
            "TOGGLE_ACTIVATION": self._toggle,
            "TRANSFER_GRAIN": self._transfer,
        }
        self._without_effect = {"DISABLE_GRAIN_INTEGRATION", "ENABLE_GRAIN_INTEGRATION", "MARK_DISTRIBUTION_EXECUTED"}
        self.given: list[Given] | None = []
        """Every allocation, for computing again; None: not kept, so that memory stays flat."""
        self.allocations = self.receipts = 0
        self.off_budget: list[int] = []
        """Lines of allocations whose receipts do not sum to their budget."""

    def step(self, line: int, event: dict[str, Any]) -> Iterator[HistoryDraft]:
        """The history lines of one event; InputError names line and rule where SourceCred would refuse it."""
        try:
            action, at = event["action"], event["ledgerTimestamp"]
            kind = action["type"]
            if event["version"] != "1":
                raise _wrong(line, f'has version {event["version"]!r}; known is "1"')
            at = _milliseconds(at)
            if at < self._latest:
                raise _wrong(line, "is older than the event before it: the file was put together or edited by hand")
            if kind in self._acts:
                yield from self._acts[kind](line, action, from_milliseconds(at))
            elif kind not in self._without_effect:
                raise _wrong(line, f"has an action {str(kind)[:40]!r} that SourceCred's last version does not know")
            self._latest = at
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _wrong(line, f"is no event as SourceCred writes it ({type(error).__name__}: {error})") from None

    def identities(self) -> list[Identity]:
        """Everybody after all merges, in the order in which the file names them."""
        found: dict[int, Identity] = {}
        for account in self._accounts.values():
            account.identity.wallets = sorted(set(account.payable.values()))
            found.setdefault(id(account), account.identity)
        return list(found.values())

    def balances(self) -> dict[str, int]:
        """What is left to each identity, by its own id, in 10^-18 grain, as SourceCred's own book has it."""
        return {account.identity.ids[0]: account.balance for account in self._accounts.values()}

    def _of(self, line: int, who: Any) -> _Account:
        account = self._accounts.get(who)
        if account is None:
            raise _wrong(line, f"names an identity {str(who)[:40]!r} that no event before it made")
        return account

    def _create(self, line: int, action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        identity = action["identity"]
        own, name = identity["id"], identity["name"]
        if _ID.fullmatch(own) is None or own in self._accounts:
            raise _wrong(line, f"makes an identity with the id {own[:40]!r}, which is none or taken")
        self._take_name(line, name)
        self._aliases[identity["address"]] = own
        self._own[own] = own
        self._accounts[own] = _Account(Identity([own], name, str(identity["subtype"]), line))
        yield from ()

    def _take_name(self, line: int, name: str) -> None:
        if re.fullmatch(r"[A-Za-z0-9-]{1,42}", name) is None or name.lower() in self._names:
            raise _wrong(line, f"gives the name {name[:50]!r}, which is none or taken")
        self._names.add(name.lower())

    def _rename(self, line: int, action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        identity = self._of(line, action["identityId"]).identity
        self._names.discard(identity.name.lower())
        self._take_name(line, action["newName"])
        identity.name = action["newName"]
        yield from ()

    def _retype(self, line: int, action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        self._of(line, action["identityId"]).identity.kind = str(action["newType"])
        yield from ()

    def _alias(self, line: int, action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        account, address = self._of(line, action["identityId"]), action["alias"]["address"]
        if address in self._aliases:
            raise _wrong(line, "gives an alias that is somebody's already")
        self._aliases[address] = action["identityId"]
        alias = alias_of(address, line)
        if alias is not None:
            account.identity.aliases.append(alias)
        yield from ()

    def _merge(self, line: int, action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        base, target = self._of(line, action["base"]), self._of(line, action["target"])
        if base is target:
            raise _wrong(line, "merges an identity with itself")
        base.identity.aliases += target.identity.aliases
        base.identity.ids += target.identity.ids
        base.balance += target.balance
        base.payable = {**target.payable, **base.payable}
        for each in target.identity.ids:
            self._accounts[each] = base
        self._names.discard(target.identity.name.lower())
        yield from ()

    def _toggle(self, line: int, action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        account = self._of(line, action["identityId"])
        account.active = not account.active
        yield from ()

    def _distribute(self, line: int, action: dict[str, Any], at: str) -> Iterator[HistoryDraft]:
        distribution = action["distribution"]
        until_ms = _milliseconds(distribution["credTimestamp"])
        until = from_milliseconds(until_ms)
        for each in distribution["allocations"]:
            policy, receipts = each["policy"], []
            budget = _grain(policy["budget"])
            total = 0
            for receipt in each["receipts"]:
                own, amount = receipt["id"], _grain(receipt["amount"])
                account = self._accounts.get(own) or self._of(line, own)
                if not account.active:
                    raise _wrong(line, f"gives grain to {account.identity.name}, who is not active")
                if self._accounting:
                    account.balance += amount
                total += amount
                receipts.append((self._own[own], amount))
            if total != budget:
                self.off_budget.append(line)
            self.allocations += 1
            self.receipts += len(receipts)
            if self.given is not None:
                self.given.append(Given(line, policy, until_ms, tuple(receipts)))
            paid = [(who, str(amount)) for who, amount in receipts if amount]
            for start in range(0, len(paid) or 1, RECEIPTS_A_LINE):
                yield {
                    "allocation": str(each["id"]),
                    "at": at,
                    "budget_minor": str(budget),
                    "counts": self._accounting,
                    "distribution": str(distribution["id"]),
                    "kind": "allocation",
                    "policy": clean_text(str(policy["policyType"]))[:64],
                    "receipts": paid[start : start + RECEIPTS_A_LINE],
                    "until": until,
                }

    def _transfer(self, line: int, action: dict[str, Any], at: str) -> Iterator[HistoryDraft]:
        giver, receiver = self._of(line, action["from"]), self._of(line, action["to"])
        amount = _grain(action["amount"])
        if not (self._accounting and giver.active and receiver.active) or amount > giver.balance:
            raise _wrong(line, f"moves grain that {giver.identity.name} has not, or from or to somebody not active")
        giver.balance -= amount
        receiver.balance += amount
        memo = action["memo"]
        yield {
            "amount_minor": str(amount),
            "at": at,
            "giver": action["from"],
            "kind": "transfer",
            "memo": "" if memo is None else str(memo),
            "receiver": action["to"],
        }

    def _payable(self, line: int, action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        account, address = self._of(line, action["id"]), action["payoutAddress"]
        key = json.dumps(action["currency"], sort_keys=True)
        if address is None:
            account.payable.pop(key, None)
        elif _ADDRESS.fullmatch(address) is None:
            raise _wrong(line, "sets a payout address that is none")
        else:
            account.payable[key] = address
        yield from ()

    def _enable(self, _line: int, _action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        self._accounting = True
        yield from ()

    def _disable(self, line: int, _action: dict[str, Any], at: str) -> Iterator[HistoryDraft]:
        if self._currency is None:
            raise _wrong(line, "switches accounting off without a currency")
        self._accounting = False
        yield self._erase(at)

    def _set_currency(self, _line: int, action: dict[str, Any], at: str) -> Iterator[HistoryDraft]:
        self._currency = json.dumps(action["currency"], sort_keys=True)
        if not self._accounting:
            yield self._erase(at)

    def _no_currency(self, line: int, _action: dict[str, Any], _at: str) -> Iterator[HistoryDraft]:
        if not self._accounting:
            raise _wrong(line, "removes the currency while accounting is off")
        self._currency = None
        yield from ()

    def _erase(self, at: str) -> HistoryDraft:
        for account in self._accounts.values():
            account.balance = 0
        return {"at": at, "kind": "reset"}


def alias_of(address: str, line: int) -> Alias | None:
    """The account that a node address of SourceCred's graph is; None for what is no account of anybody.

    Discord's addresses hold the account's number. Those of GitHub and Discourse hold names alone, which change
    hands: who has the name today need not be who had it, so no account is told. A bot's is told by name too.
    """
    parts = address.split("\0")[1:-1]
    match parts:
        case ["sourcecred", "discord", "MEMBER", "user", number] if _SNOWFLAKE.fullmatch(number):
            return Alias("discord", number, number, line)
        case ["sourcecred", "discord", "MEMBER", _, number]:
            return Alias("discord", clean_text(number)[:64], None, line)
        case ["sourcecred", "github", "USERLIKE", _, login]:
            return Alias("github", clean_text(login)[:64], None, line)
        case ["sourcecred", "discourse", "user", forum, name]:
            return Alias("discourse", clean_text(f"{name} at {forum}")[:200], None, line)
        case ["sourcecred", "ethereum", *_, wallet] if _ADDRESS.fullmatch(wallet):
            return Alias("wallet", wallet, None, line)  # stated by whoever could write the file, not proved
        case ["sourcecred", "core", "IDENTITY", _]:
            return None
    return Alias("other", clean_text("/".join(parts))[:200], None, line)


def _grain(value: Any) -> int:
    text = str(value) if type(value) is int else value
    if type(text) is not str or _GRAIN.fullmatch(text) is None:
        raise ValueError(f"{str(value)[:60]!r} is no whole amount of grain from 0 to 10^38-1")
    return int(text)


def _milliseconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value or abs(value) > 2**53:
        raise ValueError(f"{str(value)[:40]!r} is no time in milliseconds")
    return int(value)


def _wrong(line: int, why: str) -> InputError:
    return InputError(why, line=line or None, hint="Nothing was written. SourceCred itself reads no such file.")
