"""Does what an epoch pinned when it opened stand in the settings of that time?

Weights, pool rules and what becomes of unclaimed shares: nobody pins by hand what no reviewed change of the settings
ever said. (The approver sets are held to the scope's file where they are proposed: `guard_scope`.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from ledger.core.config import ScopeSettings, Settings, WeightPolicy
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.records.epoch import Epoch
from ledger.core.values import Timestamp, to_milliseconds
from ledger.store import layout
from ledger.store.yamlfile import parse_yaml

S = TypeVar("S", bound=Settings)
Past = Callable[[str, int], Iterator[bytes]]
"""The contents of a settings file, newest first, back to how it stood at a time (seconds since 1970)."""


def opening_findings(epoch: Epoch, path: str, past: Past) -> Iterator[Finding]:
    """What the `epoch.json` at `path` pins that the settings did not say when the epoch opened."""
    if not _weights_stood(epoch, past):
        yield Finding(
            "WEIGHTS_INTEGER_ONLY", "the weights are not what the scope's policy said when the epoch opened", path, 1
        )
    if not _rules_stood(epoch, past):
        message = "pool_rules, unresolved or hold_epochs are not what the scope's file said when the epoch opened"
        yield Finding("POOL_REPRODUCIBLE", message, path, 1)


def scopes_since(past: Past, scope_id: str, time: Timestamp) -> Iterator[ScopeSettings]:
    """The scope's file as it was at each moment since `time`, newest first, where it could be read."""
    return _since(ScopeSettings, past, layout.scope_path(scope_id), time)


def _since(model: type[S], past: Past, path: str, time: Timestamp) -> Iterator[S]:
    for data in past(path, to_milliseconds(time) // 1000):
        try:
            settings = model.load(parse_yaml(data, path), path)
        except LedgerError:
            continue
        yield settings


def _weights_stood(epoch: Epoch, past: Past) -> bool:
    named = any(
        scope.weights == epoch.weight_policy for scope in scopes_since(past, epoch.scope_id, epoch.period_start)
    )
    return named and any(
        policy.weights == epoch.weight_config
        for policy in _since(WeightPolicy, past, epoch.weight_policy, epoch.period_start)
    )


def _rules_stood(epoch: Epoch, past: Past) -> bool:
    return any(
        (tuple(rule.flat() for rule in scope.rules), scope.unresolved, scope.hold_epochs)
        == (epoch.pool_rules, epoch.unresolved, epoch.hold_epochs)
        for scope in scopes_since(past, epoch.scope_id, epoch.period_start)
    )
