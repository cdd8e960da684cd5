"""Questions from issues: taken on record while an epoch is in progress, and answered where they were asked.

An issue counts when it carries the label of the form and names this scope and epoch in the form's fields. Its text is
never stored; once on record it stays there, whatever becomes of the issue or its label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ledger.core.errors import LedgerError
from ledger.core.records.decisions import Objection
from ledger.flows.identity import display_names
from ledger.flows.questions import ask
from ledger.flows.session import EpochFolder, Session, acting
from ledger.forge.conversation import read_comments, read_questions
from ledger.forge.github import Forge, NotFoundError
from ledger.forge.markdown import code

_FIELD = re.compile(r"^### ([A-Za-z]+)[ \t]*\r?\n", re.M)


def form_fields(body: str) -> dict[str, str]:
    """The fields of an issue form as GitHub writes them, by lower-cased label; the first of each name counts."""
    found: dict[str, str] = {}
    _, *parts = _FIELD.split(body)  # label, value, label, value …: linear, whatever a stranger's text is made of
    for label, text in zip(parts[::2], parts[1::2], strict=True):
        value = re.split("^### ", text, maxsplit=1, flags=re.M)[0].strip()
        found.setdefault(label.lower(), "" if value == "_No response_" else value)
    return found


def place_of(body: str, scopes: Sequence[str]) -> tuple[str, int] | None:
    """The epoch that a question is about, however its form was filled in; None where that cannot be told.

    `Default`, `Epoch 2`, `#2` and `default/2` are understood; a node's only scope need not be named.
    """
    fields = form_fields(body)
    words = f"{fields.get('scope', '')} {fields.get('epoch', '')}".lower()
    numbers = re.findall(r"(?<![\w.-])#?([1-9][0-9]{0,8})(?![\w-])", fields.get("epoch", "").lower().replace("/", " "))
    named = [scope for scope in scopes if re.search(rf"(?<![a-z0-9-]){re.escape(scope)}(?![a-z0-9-])", words)]
    if not named and len(scopes) == 1 and not fields.get("scope", "").strip():
        named = list(scopes)
    if len(named) != 1 or len(set(numbers)) != 1:
        return None
    return named[0], int(numbers[0])


def take_in(session: Session, folder: EpochFolder, forge: Forge) -> None:
    """Record every question about the epoch that is not on record yet, under the time when it was asked."""
    if folder.state() == "finalized":
        return
    known = {line.issue for line in folder.objections()}
    for question in read_questions(forge, folder.epoch().opened_at):
        fields, place = form_fields(question.body), place_of(question.body, list(session.node.scopes))
        if question.number in known or place != (folder.scope_id, folder.epoch_id):
            continue
        actor = f"github:{question.author.account}" if question.author.account is not None else "github:unknown"
        with acting(session, actor, question.at):
            ask(
                session,
                folder,
                question.number,
                actor=actor,
                evidence=f"{forge.url}/issues/{question.number}",
                person=_person(session, fields.get("person", "")),
            )


def announce(folder: EpochFolder, forge: Forge) -> None:
    """Say in each question's issue that it is on record, and what was answered; close it then. Each is said once."""
    lines = folder.objections()
    for raised in (line for line in lines if line.action == "raised"):
        place = f"{folder.scope_id}/{folder.epoch_id}"
        told = [(f"question {place}", f"This question is on record for epoch {place}: an approver has to answer it.")]
        told += [
            (f"answer {line.seq}", answer_text(line))
            for line in lines
            if (line.action, line.issue) == ("answered", raised.issue)
        ]
        try:
            said = {comment.body.partition("\n")[0] for comment in read_comments(forge, raised.issue) if comment.ours}
            for mark, text in told:
                first = f"<!-- ledger:{mark} -->"
                if first not in said:
                    forge.rest("POST", f"issues/{raised.issue}/comments", {"body": f"{first}\n{text}"})
                    if mark.startswith("answer"):
                        forge.rest("PATCH", f"issues/{raised.issue}", {"state": "closed"})
        except NotFoundError:
            continue  # the issue was deleted or moved; it stays on record


def answer_text(line: Objection) -> str:
    """What an issue is told about its answer; the address is a link only in a plain form, for people can write it."""
    plain = re.fullmatch(r"https?://[A-Za-z0-9.:/_#-]{1,300}", line.evidence)
    where = f" ([here]({line.evidence}))" if plain else f" ({code(line.evidence)})" if line.evidence else ""
    return f"Answered by {code(line.actor)}: {code(line.note, 1000)}{where}"


def _person(session: Session, text: str) -> str | None:
    """The user whom the form names by id or by an unambiguous name; None where it names nobody known."""
    try:
        names = display_names(session)
        users = {line.user_id for line in session.node.bindings()}
    except LedgerError:
        return None
    found = {user for user in users if text and (user == text or names.get(user) == text)}
    return found.pop() if len(found) == 1 else None
