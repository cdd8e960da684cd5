"""Keep the rules of platforms that say what may become of what is read there: no weight, and gone is gone.

A source states them (`Restricted` of the port); here they meet weights, decisions and the record. Exclusions are the
policy's, and a person's word on an event goes first (specification, section 6).
"""

from __future__ import annotations

from ledger.core.config import ScopeSettings
from ledger.core.errors import ConfigError
from ledger.core.records.decisions import Curation
from ledger.core.spam import POLICY_ACTOR
from ledger.core.values import EventId
from ledger.flows.routes import options_of
from ledger.flows.samework import Present
from ledger.flows.session import Session
from ledger.sources.port import Restricted
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.layout import scope_path

GONE = "policy: gone where it was"
"""The note of a decision about what its platform does not show any more."""


def require_unweighed(session: Session, scope: ScopeSettings) -> None:
    """ConfigError where the scope's weights, or those of its open epoch, value what a platform forbids to pay for."""
    tables = {scope.weights: session.node.weight_policy(scope.weights).weights}
    for folder in session.node.last_epochs(scope.scope_id, 2):
        if folder.state() in ("open", "review"):
            tables[folder.path("epoch.json")] = folder.epoch().weight_config
    for kind in sorted({entry.source for entry in scope.sources}):
        for path, weights in tables.items():
            if valued := sorted(key for key, milli in weights.items() if key.startswith(f"{kind}:") and milli):
                _refuse_where_forbidden(scope, kind, f"{valued[0]} has a weight", path)


def require_weighable(scope: ScopeSettings, event_id: str, milli: int | None) -> None:
    """ConfigError where a decision would give weight to an event that its platform forbids to pay for."""
    if milli:
        _refuse_where_forbidden(scope, event_id.partition(":")[0], f"{event_id} would weigh {milli}", None)


def _refuse_where_forbidden(scope: ScopeSettings, kind: str, what: str, path: str | None) -> None:
    file = scope_path(scope.scope_id)
    for entry in scope.sources:
        if entry.source == kind:
            adapter, options = options_of(scope, entry)
            rule = adapter.forbids_weight(options) if issubclass(adapter, Restricted) else None
            if rule is not None:
                raise ConfigError(
                    f"{what}, against {rule}",
                    path=path or file,
                    hint=f"Take the weight out. Who answers for it all the same writes `i_have_read_the_policy: true` "
                    f"into the options of source {entry.name!r} in {file}; docs/sources.md tells what that means.",
                )


def forget(session: Session, folder: EpochFolder, kind: str, present: Present) -> int:
    """Exclude the epoch's events of this kind of source that are gone where they were; how many.

    Call inside the write lock, while the epoch is open.
    """
    shards = session.engine.paths(folder.shards())
    held = [key for (key,) in session.engine.rows("ids_that_begin", shards=shards, prefix=f"{kind}:")]
    lines = folder.curation()
    decided = {line.event_id for line in lines if line.action in ("include", "exclude")}
    there = set(present(kind, held)) if held else set()
    new = [
        Curation(
            **folder.place,
            action="exclude",
            actor=POLICY_ACTOR,
            at=session.now,
            event_id=EventId(event_id),
            evidence=None,
            note=GONE,
            seq=number,
            user_id=None,
            weight_override_milli=None,
        )
        for number, event_id in enumerate((each for each in held if each not in there | decided), start=len(lines) + 1)
    ]
    append_records(folder.root, folder.path("curation.jsonl"), new)
    return len(new)
