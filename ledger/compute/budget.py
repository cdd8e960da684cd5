"""What the pinned pool rules give for an epoch, from its own figures, the statements before, and files of the node.

Reads only; the rules themselves are `ledger.core.pool`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.core.errors import FormatError
from ledger.core.evaluate import Evaluation
from ledger.core.identity import claimed_since
from ledger.core.pool import CarryOverV1, Computed, KpiLinearV1, PoolFacts, Rule, rules_of
from ledger.core.records.decisions import Binding
from ledger.core.records.epoch import Epoch
from ledger.store.epochfolder import EpochFolder
from ledger.store.kpi import read_kpi
from ledger.store.node import Node


def computed_rules(
    node: Node, folder: EpochFolder, epoch: Epoch, evaluation: Evaluation, bindings: Iterable[Binding]
) -> tuple[Computed, ...]:
    """The component that each pinned rule gives; `bindings`: the prefix that the statement pins.

    Raises FormatError when an input is missing, naming it.
    """
    facts = _facts(node, folder, epoch, evaluation, bindings, rules_of(epoch))
    return tuple(Computed.of(rule, facts) for rule in rules_of(epoch))


def projected_rules(
    node: Node, folder: EpochFolder, epoch: Epoch, evaluation: Evaluation, bindings: Iterable[Binding]
) -> tuple[Computed, ...]:
    """What the rules would give if the epoch closed now; a rule whose input is not there yet gives nothing."""
    found = []
    for rule in rules_of(epoch):
        try:
            found.append(Computed.of(rule, _facts(node, folder, epoch, evaluation, bindings, (rule,))))
        except FormatError:
            continue  # review will say what is missing
    return tuple(found)


def _facts(
    node: Node,
    folder: EpochFolder,
    epoch: Epoch,
    evaluation: Evaluation,
    bindings: Iterable[Binding],
    rules: tuple[Rule, ...],
) -> PoolFacts:
    before, lapsed, readings = None, 0, {}
    for rule in rules:
        if isinstance(rule, CarryOverV1):
            before = node.epoch(folder.scope_id, folder.epoch_id - 1).statement() if folder.epoch_id > 1 else None
            lapsed = _lapsed(node, folder, bindings)
        if isinstance(rule, KpiLinearV1):
            day = epoch.period_start[:10]
            if reading := read_kpi(node.root, rule.file, key=rule.key, period=day, column=rule.column):
                readings[rule.file, rule.column] = reading
    return PoolFacts(
        windows=epoch.windows,
        units=evaluation.policy_units(epoch.weight_config),
        undistributed=before.undistributed_credits if before else 0,
        statement_hash=before.statement_hash if before else None,
        lapsed=lapsed,
        readings=readings,
    )


def _lapsed(node: Node, folder: EpochFolder, bindings: Iterable[Binding]) -> int:
    """Credits that earlier epochs hold for accounts which nobody ever came for until their time ends in this epoch."""
    lines, total = tuple(bindings), 0
    for number in range(1, folder.epoch_id):
        if node.hold_epochs(folder.scope_id, number) != folder.epoch_id - number:
            continue
        statement = node.epoch(folder.scope_id, number).statement()
        if statement is None:
            continue
        claimed = claimed_since(lines, statement.identities.size)
        total += sum(
            line.amount_credits for line in statement.held if (line.source, line.platform_user_id) not in claimed
        )
    return total
