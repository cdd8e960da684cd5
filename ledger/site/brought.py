"""What a scope brought along from an older system, for people to look at: where from, how much, its last share-outs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ledger.core.history import Allocation, Contribution, HistoryLine, Person, Transfer
from ledger.core.money import decimal_text
from ledger.store.node import Node
from ledger.store.paylayout import history_path, source_path
from ledger.store.payments import on_disk

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Act:
    """One thing of the older system's history; `at` empty: without date."""

    at: str
    what: str
    amount: str
    who: str


@dataclass(frozen=True, slots=True)
class Brought:
    """An older system's record as it was brought along. `since`: when its balances came to count, empty: not yet."""

    system: str
    file_name: str
    origin: str
    file_sha256: str
    unit: str
    total: str
    credits: int
    people: int
    acts: int
    balances: bool
    since: str
    shown: tuple[Act, ...]
    """The last `SHOWN` of `acts`, newest first."""
    place: str


def brought_along(node: Node, scope_id: str, since: str | None) -> Iterator[Brought]:
    """Every older system of which the scope has something; `since`: when its opening balances came to count."""
    files = on_disk(node.root, node.node_id)
    for system, source in files.sources(scope_id).items():
        names: dict[str, str] = {}
        last: deque[Act] = deque(maxlen=SHOWN)
        acts = 0
        for line in files.history_lines(scope_id, system):
            if isinstance(line, Person):
                names[line.id] = line.name or line.id
                continue
            acts += 1
            last.append(_act(line, names, source.decimals))
        yield Brought(
            system=system,
            file_name=source.file_name,
            origin=source.origin,
            file_sha256=source.file_sha256,
            unit=source.unit,
            total=decimal_text(source.total_minor, source.decimals),
            credits=source.total_credits,
            people=len(names),
            acts=acts,
            balances=source.credits_per_unit > 0,
            since=since or "",
            shown=tuple(reversed(last)),
            place=source_path(scope_id, system).removeprefix("data/"),
        )


def _act(line: HistoryLine, names: dict[str, str], decimals: int) -> Act:
    if isinstance(line, Allocation):
        who = f"{len(line.receipts)} people"
        return Act(line.at, f"share-out by {line.policy}", decimal_text(line.budget_minor, decimals), who)
    if isinstance(line, Transfer):
        who = f"{names.get(line.giver, line.giver)} to {names.get(line.receiver, line.receiver)}"
        return Act(line.at, "transfer", decimal_text(line.amount_minor, decimals), who)
    if isinstance(line, Contribution):
        amount = line.facts.get("amount") or line.facts.get("quantity") or ""
        return Act(line.at or "", line.what, str(amount), names.get(line.id, line.id))
    if line.kind == "balance":
        return Act("", "balance", decimal_text(line.balance_minor, decimals), names.get(line.id, line.id))
    return Act(getattr(line, "at", ""), "all balances became nothing", "", "everybody")


def brought_files(node: Node) -> list[str]:
    """The files of what every scope brought along, by their paths in the node."""
    files = on_disk(node.root, node.node_id)
    found = []
    for scope_id in node.scopes:
        for system in files.sources(scope_id):
            count = sum(1 for _ in files.history(scope_id, system))
            found += [source_path(scope_id, system), *(history_path(scope_id, system, n + 1) for n in range(count))]
    return found
