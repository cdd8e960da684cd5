"""Take back one's own last decision about an epoch: another line on the record that restores what stood before it.

Nothing is removed. What was decided since by others stays. Undone twice, the decision stands again.
"""

from __future__ import annotations

from ledger.core.errors import InputError
from ledger.core.records.decisions import Award, Curation, Override, PoolComponent
from ledger.flows.budget import award, cancel_award, withdraw_component
from ledger.flows.decide import Decided, curate, override
from ledger.flows.session import EpochFolder, Session

REASON = "taken back"


def undo(session: Session, folder: EpochFolder, *, evidence: str | None = None) -> tuple[str, Decided]:
    """Undo the actor's last decision: in words what it was, and the line that undoes it. InputError for none."""
    actor = session.decider(session.node.scope(folder.scope_id))
    lines: list[tuple[str, int, Curation | Override | PoolComponent | Award]] = []
    for log in (folder.curation(), folder.overrides(), folder.awards()):
        lines += [(line.at, line.seq, line) for line in log if line.actor == actor]
    pool = [line for line in folder.pool() if line.actor == actor and line.action == "record"]
    lines += [(line.computed_at or "", line.seq, line) for line in pool]
    if not lines:
        raise InputError(f"{actor} has decided nothing about this epoch yet")
    last = max(lines, key=lambda one: (one[0], one[1]))[2]
    latest = max(at for at, _, _ in lines)
    if (
        len({type(line) for at, _, line in lines if at == latest}) > 1
    ):  # of two logs at one time no one knows which is last
        raise InputError(
            "several things were decided at the same moment",
            hint="Take back each by a command of its own, in a new comment.",
        )
    match last:
        case Curation():
            return f"{last.action} {last.event_id}", _curation(session, folder, last, evidence)
        case Override():
            before = [line for line in folder.overrides() if line.user_id == last.user_id and line.seq < last.seq]
            units = before[-1].final_units if before else None
            done = override(session, folder, last.user_id, units, REASON, evidence=evidence)
            return f"units of {last.user_id}", done
        case PoolComponent():
            return f"pool {last.component_id}", withdraw_component(session, folder, last.component_id, REASON)
        case Award():
            if last.action == "award":
                return f"award {last.award}", cancel_award(session, folder, last.award, REASON, evidence=evidence)
            given = next(line for line in reversed(folder.awards()) if line.award == last.award and line.user_id)
            done = award(
                session, folder, str(given.user_id), given.amount_credits or 0, given.reason, evidence=evidence
            )
            return f"cancelling {last.award}", done
    raise InputError("nothing that can be undone")


def _curation(session: Session, folder: EpochFolder, last: Curation, evidence: str | None) -> Decided:
    group = ("include", "exclude") if last.action in ("include", "exclude") else (last.action,)
    before = [
        line
        for line in folder.curation()
        if line.event_id == last.event_id and line.action in group and line.seq < last.seq
    ]
    was = before[-1] if before else None
    match last.action:
        case "include" if was is None:
            raise InputError(f"{last.event_id} counts anyway; there is nothing to undo")
        case "exclude" | "include":
            action = was.action if was is not None else "include"
            return curate(session, folder, action, last.event_id, note=REASON, evidence=evidence)
        case "weight":
            milli = was.weight_override_milli if was else None
            return curate(session, folder, "weight", last.event_id, note=REASON, weight_milli=milli, evidence=evidence)
        case "resolve":
            return curate(
                session, folder, "resolve", last.event_id, user_id=was.user_id if was else None, evidence=evidence
            )
    raise InputError("a note says something and decides nothing; there is nothing to undo")
