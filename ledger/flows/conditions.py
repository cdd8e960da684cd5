"""What must hold before an epoch is final, and how far each of it is. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.compute.derive import Derived
from ledger.core.approvers import Chain
from ledger.core.errors import LedgerError
from ledger.core.lifecycle import Pin
from ledger.core.objections import objections_end, unanswered
from ledger.core.values import Timestamp
from ledger.core.windows import HOUR, later
from ledger.flows.completeness import stream_statuses
from ledger.flows.drafting import as_stated
from ledger.flows.session import EpochFolder, Session
from ledger.flows.sign import tally


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must hold before the epoch is final: whether it does, and in words how far it is."""

    name: str
    met: bool
    detail: str


def conditions(session: Session, folder: EpochFolder, derived: Derived | None = None) -> list[Condition]:
    """What must hold before the epoch can be final, in the order in which it comes true."""
    derived = derived or as_stated(session, folder)
    scope, state, pin = session.node.scope(folder.scope_id), folder.state(), folder.pin()
    if folder.version > 1:
        closed = "closed to new bindings" if state != "open" else "an approver writes /review when all is decided"
        found = [Condition("review", state != "open", closed)]
    else:
        found = _collected(session, folder, derived)
    if pin is None:
        found.append(Condition("signatures", False, f"0 of {scope.threshold}; signed once in review"))
    else:
        count = tally(folder, derived.statement)
        detail = f"{len(count.people)} of {count.threshold}"
        if count.people:
            detail += f": {', '.join(count.people)}"
        if count.void:
            detail += f" ({count.void} void)"
        chain = folder.chain()
        able = {person.id for person in scope.approvers} & {person.id for person in pin.approvers}
        if len(able) < count.threshold:
            detail += f"; only {len(able)} of those pinned are left in the scope's file: sign the new set, then /repin"
        elif chain.current is not None and chain.current.seq > pin.approvers_seq:
            detail += f"; approver set {chain.current.seq} counts now: an approver writes /repin to pin it"
        found.append(_approver_set(chain, pin))
        found.append(Condition("signatures", count.reached, detail))
    found.append(_questions(session, folder))
    return found


def _collected(session: Session, folder: EpochFolder, derived: Derived) -> list[Condition]:
    """What an epoch needs before people sign it: its window over, read in full, in review, its pool recorded."""
    state, window = folder.state(), folder.window()
    grace = later(window.end, session.node.settings.epoch.grace_hours * HOUR)
    streams = list(stream_statuses(session, folder))
    troubled = [one.stream for one in streams if not one.complete]
    gaps = derived.statement.gaps
    found = [
        Condition("window", session.now >= window.end, f"ends {window.end}"),
        Condition(
            "collection",
            (state != "open" or session.now >= window.end) and (not troubled or bool(gaps) or state != "open"),
            "complete" if not troubled else f"incomplete: {', '.join(troubled)}" + (" (accepted)" if gaps else ""),
        ),
        Condition("review", state != "open", "closed to new activity" if state != "open" else f"from {grace} on"),
    ]
    base = any(part.component_id == "base_issuance" for part in folder.components())
    found.append(Condition("base issuance", base, "recorded" if base else "is recorded at review"))
    return found


def _approver_set(chain: Chain, pin: Pin) -> Condition:
    """The pinned set must count before the epoch is final."""
    line = chain.get(pin.approvers_seq)
    if line is None or chain.counts(line.seq):
        return Condition("approver set", True, f"set {pin.approvers_seq} counts")
    how = chain.progress(line)
    said = f"set {line.seq} is signed by {len(how.by)} of {how.threshold}" + (
        f": {', '.join(how.by)}" if how.by else ""
    )
    return Condition("approver set", False, said)


def _questions(session: Session, folder: EpochFolder) -> Condition:
    hours = session.node.scope(folder.scope_id).objection_hours
    steps, lines = folder.transitions(), folder.objections()
    until = objections_end(steps, hours)
    waiting = unanswered(lines, until or Timestamp("9999-12-31T00:00:00.000Z"))
    if waiting:
        return Condition("questions", False, "without an answer: " + ", ".join(f"#{line.issue}" for line in waiting))
    if until is None:
        return Condition("questions", not hours, f"may be asked for {hours} hours from review on" if hours else "none")
    if hours and session.now < until:
        return Condition("questions", False, f"may be asked until {until}")
    asked = [line.issue for line in lines if line.action == "raised"]
    left = sorted(set(asked) - {line.issue for line in lines if line.action == "answered"})
    if left:
        late = ", ".join(f"#{issue}" for issue in left)
        detail = f"{len(asked)} asked, {len(left)} open: {late} (too late to keep it from being final; answer still)"
        return Condition("questions", True, detail)
    return Condition("questions", True, f"{len(asked)} asked, all answered" if asked else "none")


def ready(session: Session, folder: EpochFolder) -> bool:
    """Whether `finalize` would close the epoch now."""
    try:
        return folder.state() == "review" and all(one.met for one in conditions(session, folder))
    except LedgerError:
        return False
