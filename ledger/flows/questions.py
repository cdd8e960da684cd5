"""Questions about an epoch and their answers, on the record: what keeps a statement open before it is final.

The words of a question stay where it was asked; the record holds who asked when, about whom, and the answer.
"""

from __future__ import annotations

from ledger.core.errors import InputError, StateError
from ledger.core.lifecycle import require
from ledger.core.records.decisions import Objection
from ledger.flows.decide import Decided, require_user
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock


def ask(
    session: Session, folder: EpochFolder, issue: int, *, actor: str, evidence: str, person: str | None = None
) -> Decided:
    """Record that question number `issue` was raised about the epoch (and one person of it); once."""
    with write_lock(session.node.root):
        require("curate", folder.state(), folder.epoch_id)
        if person is not None:
            require_user(session, person)
        lines = folder.objections()
        for line in lines:
            if (line.issue, line.action) == (issue, "raised"):
                return Decided(line, added=False, draft=None)
        return _append(session, folder, len(lines), "raised", issue, actor, evidence, None, person)


def answer(session: Session, folder: EpochFolder, issue: int, text: str, *, evidence: str) -> Decided:
    """Record an approver's answer to a question; the same answer again changes nothing.

    InputError for a question that was not asked or who is no approver, StateError in an amendment.
    """
    with write_lock(session.node.root):
        require("curate", folder.state(), folder.epoch_id)
        if folder.version > 1:
            raise StateError(
                "questions about a final epoch are answered in their issue, not on an amendment's record",
                path=folder.relative,
                hint="Write `/answer text` in the issue.",
            )
        scope = session.node.scope(folder.scope_id)
        actor = session.decider(scope)
        if all(person.id != actor for person in scope.approvers):
            raise InputError(
                f"{actor} is no approver of scope {scope.scope_id}",
                rule="APPROVERS_PER_SCOPE",
                hint="Only those who sign may answer a question about what they sign.",
            )
        lines = folder.objections()
        if all(line.issue != issue for line in lines):
            raise InputError(
                f"no question #{issue} about epoch {folder.epoch_id}",
                path=folder.path("objections.jsonl"),
                hint="`ledger pr status` lists the questions.",
            )
        for line in lines:
            if (line.issue, line.actor, line.note) == (issue, actor, text):
                return Decided(line, added=False, draft=None)
        return _append(session, folder, len(lines), "answered", issue, actor, evidence, text, None)


def _append(
    session: Session,
    folder: EpochFolder,
    before: int,
    action: str,
    issue: int,
    actor: str,
    evidence: str,
    note: str | None,
    person: str | None,
) -> Decided:
    fields = {"action": action, "actor": actor, "at": session.now, "evidence": evidence, "issue": issue, "note": note}
    record = Objection.read({**folder.place, **fields, "person": person, "seq": before + 1})
    append_records(folder.root, folder.path("objections.jsonl"), [record])
    return Decided(record, added=True, draft=None)
