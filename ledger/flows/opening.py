"""Open the epoch that is due: windows follow one another without a gap, one active epoch per scope.

Holds ONE_ACTIVE_EPOCH, EPOCH_WINDOW_UNIQUE and WEIGHTS_INTEGER_ONLY (weights are pinned here, by content).
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.core.errors import StateError
from ledger.core.records.epoch import ALGORITHM, Epoch, Transition, weight_config_hash
from ledger.core.windows import Window
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_file
from ledger.store.layout import EPOCHS
from ledger.store.trees import tracked

RUN_ACTOR = "ledger"
"""The actor of steps that the calendar takes, not a person."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why no epoch can be collected now, in words, and what would change that."""

    scope_id: str
    reason: str
    hint: str


def first_window(session: Session, scope_id: str) -> Window:
    """The window of epoch 1: as it was opened, else the one that holds the scope's `start`, by default the present."""
    first = session.node.epoch(scope_id, 1)
    if first.exists():
        return first.window()
    start = session.node.scope(scope_id).start or session.now
    return session.node.settings.epoch.calendar.holding(start)


def open_epoch(session: Session, scope_id: str) -> EpochFolder | Waiting:
    """The epoch that is open, or the due one after opening it, or why there is none. Call inside the write lock."""
    node, scope = session.node, session.node.scope(scope_id)
    last = node.last_epochs(scope_id, 2)
    if not last:
        _require_all_there(session, scope_id)
    states = [folder.state() for folder in last]
    if "open" in states:
        return last[states.index("open")]
    if states and states[-1] == "review" and (not scope.overlap or "review" in states[:-1]):
        waiting = last[-1]
        return Waiting(
            scope_id,
            f"epoch {waiting.epoch_id} is in review; the next one opens once it is finalized",
            "Sign and finalize it; nothing is lost meanwhile: the next run catches up from where this one stands.",
        )
    calendar = node.settings.epoch.calendar
    window = calendar.after(last[-1].window()) if last else first_window(session, scope_id)
    if scope.catch_up == "join":
        while (missed := calendar.after(window)).end <= session.now:  # every window that has ended is one review
            window = Window(window.start, missed.end)
    if window.start > session.now:
        return Waiting(scope_id, f"the next window begins at {window.start}", "Nothing is due; run again then.")
    return _open(session, node.epoch(scope_id, last[-1].epoch_id + 1 if last else 1), window)


def _require_all_there(session: Session, scope_id: str) -> None:
    """StateError where git has epochs of the scope and the disk none: the first would be opened a second time."""
    path = f"{EPOCHS}/{scope_id}"
    if tracked(session.node.root, path):
        raise StateError(
            "git has epochs of this scope, and none is on disk",
            path=path,
            hint="Fetch them: `git sparse-checkout disable`, or `git restore data`.",
        )


def _open(session: Session, folder: EpochFolder, window: Window) -> EpochFolder:
    """Write `epoch.json`, then the first transition: the act that opens the epoch, so a killed run may repeat it."""
    scope = session.node.scope(folder.scope_id)
    weights = dict(session.node.weight_policy(scope.weights).weights)
    settings = session.node.settings.epoch
    epoch = Epoch(
        **folder.place,
        algorithm=ALGORITHM,
        anchor=settings.anchor,
        hold_epochs=scope.hold_epochs,
        length=settings.length,
        opened_at=session.now,
        period_start=window.start,
        period_end=window.end,
        pool_rules=tuple(rule.flat() for rule in scope.rules),
        unit=settings.unit,
        unresolved=scope.unresolved,
        weight_config=weights,
        weight_config_hash=weight_config_hash(weights),
        weight_policy=scope.weights,
        windows=settings.calendar.count(window) or 1,
    )
    step = Transition(
        **folder.place,
        actor=RUN_ACTOR,
        at=session.now,
        from_=None,
        to="open",
    )
    write_file(folder.root, folder.path("epoch.json"), epoch.encode() + b"\n")
    append_records(folder.root, folder.path("transitions.jsonl"), [step])
    session.tell(f"{folder.scope_id}: opened epoch {folder.epoch_id}, {window}")
    return folder
