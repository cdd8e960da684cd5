"""Questions that no epoch in progress takes on record: about a final epoch, or about none that can be told.

Each is answered where it was asked, once for each state: what the epoch is, what can still be done, and that the
question is open until an approver answers in the issue (`/answer text`). A final epoch never changes; it is corrected
by an amendment, or the answer says why not.
"""

from __future__ import annotations

import hashlib
import re

from ledger.core.errors import LedgerError
from ledger.core.place import Place
from ledger.flows.amend import KINDS, in_force
from ledger.flows.session import Session, open_session
from ledger.forge.amendments import asked_for, begin
from ledger.forge.clone import LostRace
from ledger.forge.conversation import QUESTION_LABEL, Claim, Comment, read_claims, read_comments
from ledger.forge.epoch import Run
from ledger.forge.markdown import code, one_line
from ledger.forge.questions import place_of

_ANSWER = re.compile(r"/answer[ \t]+(?:#?[0-9]{1,9}[ \t]+)?(\S.*)", re.I)


def bring_inquiries(run: Run) -> None:
    """Answer every open question that is about no epoch in progress."""
    asked = read_claims(run.forge, QUESTION_LABEL)
    if not asked:
        return
    going = set(run.clone.branches())
    with run.clone.workspace() as work:
        session = open_session(work.root, run.now, environ=run.environ, tell=run.tell)
        try:
            for one in asked:
                place = place_of(one.body, list(session.node.scopes))
                if place is None or Place(*place) not in going:
                    _reply(run, session, one, place)
        finally:
            session.close()


def _reply(run: Run, session: Session, asked: Claim, place: tuple[str, int] | None) -> None:
    comments = read_comments(run.forge, asked.number)
    scope, epoch = place or ("", 0)
    final = epoch and scope in session.node.scopes and epoch <= session.node.epoch_count(scope)
    if final:
        _begin(run, session, scope, epoch, asked, comments)
    if not final:
        text = _which(session, place)
    elif (answer := _answer(session, scope, comments)) is not None:
        text = f"Answered by {code(answer[0])}: {code(answer[1], 1000)}"
    elif any(one.version > 1 and one[:2] == (scope, epoch) for one in run.clone.branches()):
        return  # being corrected; where, was said
    else:
        stated = in_force(session.node.epoch(scope, epoch)).statement()
        sealed = f"{code(stated.statement_hash)} (version {stated.version})" if stated else "unknown"
        text = (
            f"Epoch `{scope}/{epoch}` is **final**: its statement {sealed} is signed and never changes by itself. This "
            "question is **open**. An approver corrects the epoch by an amendment (`/amend KIND reason`, with a KIND "
            f"of {', '.join(KINDS)}), or answers here why not: `/answer text`."
        )
    mark = f"inquiry {hashlib.sha256(text.encode()).hexdigest()[:16]}"
    _say(run, asked, comments, mark, text)
    if text.startswith("Answered"):
        run.forge.rest("PATCH", f"issues/{asked.number}", {"state": "closed"})


def _say(run: Run, asked: Claim, comments: list[Comment], mark: str, text: str) -> None:
    """Say something in the issue, once for each mark."""
    if not _said(comments, mark):
        body = f"<!-- ledger:{mark} -->\n{text}"
        run.forge.rest("POST", f"issues/{asked.number}/comments", {"body": body})


def _said(comments: list[Comment], mark: str) -> bool:
    return f"<!-- ledger:{mark} -->" in {one.body.partition("\n")[0] for one in comments if one.ours}


def _begin(run: Run, session: Session, scope_id: str, epoch_id: int, asked: Claim, comments: list[Comment]) -> None:
    """Begin the amendments that approvers ask for here, each comment once: one that was given up stays so."""
    people = _approvers(session, scope_id)
    for comment in comments:
        person = people.get(comment.author.account) if comment.author.account is not None else None
        mark = f"amending issuecomment-{comment.id}"
        if person is None or comment.ours or _said(comments, mark):
            continue
        evidence = f"{run.forge.url}/issues/{asked.number}#issuecomment-{comment.id}"
        try:
            if (wanted := asked_for(comment)) is None:
                continue
            place = begin(run, scope_id, epoch_id, *wanted, evidence, person, comment.at)
            text = (
                f"{code(person)} began version {place.version} of epoch `{scope_id}/{epoch_id}`, on `{place.branch}`. "
                "Its pull request shows what changes for whom and takes decisions and signatures; version 1 stays."
            )
        except LostRace:
            raise
        except LedgerError as error:
            hint = f" {one_line(error.hint)}" if error.hint else ""
            text = f"Nothing was done: {code(one_line(str(error)), 300)}.{hint}"
        _say(run, asked, comments, mark, text)


def _approvers(session: Session, scope_id: str) -> dict[int, str]:
    return {person.github_id: person.id for person in session.node.scope(scope_id).approvers if person.github_id}


def _which(session: Session, place: tuple[str, int] | None) -> str:
    """What to say to a question about an epoch that is not there."""
    known = "; ".join(
        f"`{scope}`: 1 to {session.node.epoch_count(scope)}"
        if session.node.epoch_count(scope)
        else f"`{scope}`: none final yet"
        for scope in session.node.scopes
    )
    named = f"There is no epoch {code(f'{place[0]}/{place[1]}')} yet." if place else "It does not say which epoch."
    return (
        f"This question is **open**, but nobody can look it up: {named} Edit the issue and write scope and number as "
        f"the site names them. Epochs that are final: {known}."
    )


def _answer(session: Session, scope_id: str, comments: list[Comment]) -> tuple[str, str] | None:
    """The last answer by an approver of the scope in a comment that nobody edited: who, and what he said."""
    people = _approvers(session, scope_id)
    found = None
    for comment in comments:
        person = people.get(comment.author.account) if comment.author.account is not None else None
        for line in comment.body.splitlines():
            match = _ANSWER.fullmatch(line.strip())
            if match and person is not None and not comment.edited and not comment.ours:
                found = (person, match[1])
    return found
