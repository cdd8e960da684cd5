"""Commands in comments: `/exclude EVENT reason` and its kin, by approvers and curators, each recorded and answered.

One comment is one command on one line. Nothing is guessed: what is not in the right form is answered with the form.
A comment that was edited does nothing, since another person may have edited it. A decision carries the comment's
author, time and address, so that carrying it out again gives the same line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ledger.core.config import Person, ScopeSettings
from ledger.core.errors import InputError, LedgerError, UsageError
from ledger.core.records import ComponentId
from ledger.core.values import Timestamp, parse_amount
from ledger.flows.budget import add_component
from ledger.flows.decide import Decided, curate, override, resolve_account
from ledger.flows.drafting import Draft
from ledger.flows.identity import display_names
from ledger.flows.questions import answer
from ledger.flows.review import repin
from ledger.flows.session import EpochFolder, Session, locked
from ledger.forge.conversation import Comment
from ledger.forge.markdown import code, one_line

FORMS = {
    "exclude": "/exclude EVENT reason",
    "include": "/include EVENT [reason]",
    "weight": "/weight EVENT MILLI reason",
    "resolve": "/resolve ACCOUNT USER",
    "units": "/units USER UNITS reason",
    "pool": "/pool COMPONENT AMOUNT evidence",
    "answer": "/answer ISSUE text",
    "accept-gap": "/accept-gap SOURCE",
    "repin": "/repin",
    "status": "/status",
    "help": "/help",
}
_ARGUMENTS = {"exclude": 2, "weight": 3, "resolve": 2, "units": 3, "pool": 3, "answer": 2, "accept-gap": 1}
_FOR_APPROVERS = {"answer", "accept-gap", "repin"}
HELP = (
    "`EVENT` is an event's id, `MILLI` and `UNITS` are milli-units (1000 is one unit; `-` clears), `ACCOUNT` is "
    "`source:account` as the table of unresolved accounts has it, `USER` a user's id or name, `COMPONENT` is "
    "`base_issuance`, `kpi_bonus_v0` or `top_up`. One command a comment, on one line."
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it was written: its name without the slash, and the rest of its line."""

    name: str
    rest: str


def parse(body: str) -> Command | None:
    """The command that a comment holds; None for a comment that is none. UsageError for one of several lines."""
    lines = [line.strip() for line in re.split(r"\r?\n", body) if line.strip()]
    match = re.fullmatch(r"/([a-z][a-z-]*)(?:[ \t]+(.*))?", lines[0]) if lines else None
    if match is None:
        return None
    if len(lines) > 1 and match[1] in FORMS:
        raise UsageError("a comment holds one command, on one line", hint=f"Write it again: {FORMS[match[1]]}")
    return Command(match[1], (match[2] or "").strip())


def accepted_gaps(scope: ScopeSettings, comments: Sequence[Comment]) -> list[str]:
    """The sources whose gaps an approver accepted in a comment that nobody edited."""
    approvers = {person.github_id for person in scope.approvers if person.github_id is not None}
    return sorted(
        {
            comment.body.split()[1]
            for comment in comments
            if comment.author.account in approvers
            and not comment.edited
            and re.fullmatch(r"/accept-gap[ \t]+\S+", comment.body.strip())
        }
    )


@contextmanager
def acting(session: Session, actor: str, at: Timestamp) -> Iterator[None]:
    """Within the block the session acts as `actor`, at the time when he wrote."""
    before = session.actor, session.now
    session.actor, session.now = actor, at
    try:
        yield
    finally:
        session.actor, session.now = before


def on_record(folder: EpochFolder, evidence: str) -> bool:
    """Whether a decision that came from this address is in the epoch's logs."""
    found = [line.evidence for line in folder.curation()]
    found += [line.evidence for line in folder.overrides()]
    found += [line.evidence for line in folder.objections()]
    parts = [line.evidence_ref or "" for line in folder.pool()]
    return evidence in found or any(part.endswith(f"({evidence})") for part in parts)


def carry_out(
    session: Session, folder: EpochFolder, comment: Comment, evidence: str, status: Callable[[], str]
) -> str | None:
    """Do what a comment says and return the answer in Markdown; None for a comment that wants none.

    `evidence` is the comment's address; `status` gives the answer to `/status`. Errors become answers.
    """
    scope = session.node.scope(folder.scope_id)
    person = scope.decider_by_account(comment.author.account) if comment.author.account is not None else None
    try:
        command = parse(comment.body)
        if command is None or (command.name not in FORMS and person is None):
            return None
        if comment.edited:
            return "Nothing was done: this comment was edited. Write the command in a new comment."
        if person is None:
            return (
                "Nothing was done: only approvers and curators of this scope decide here, by the GitHub account that "
                f"`scopes/{folder.scope_id}.yaml` lists for them. Anyone may ask a question in an issue."
            )
        if on_record(folder, evidence):
            return "Recorded."
        with acting(session, person.id, comment.at):
            return _do(session, folder, scope, person, command, evidence, status)
    except LedgerError as error:
        hint = f" {one_line(error.hint)}" if error.hint else ""
        return f"Nothing was done: {code(one_line(str(error)), 300)}.{hint}"


def _do(
    session: Session,
    folder: EpochFolder,
    scope: ScopeSettings,
    person: Person,
    command: Command,
    evidence: str,
    status: Callable[[], str],
) -> str:
    words = _words(command)
    if command.name in _FOR_APPROVERS and all(approver.id != person.id for approver in scope.approvers):
        raise InputError("only an approver may do this", rule="APPROVERS_PER_SCOPE")
    done: Decided | Draft | None = None
    match command.name:
        case "status":
            return status()
        case "help":
            return "\n".join([*(f"- `{form}`" for form in FORMS.values()), "", HELP])
        case "exclude":
            done = curate(session, folder, "exclude", words[0], note=words[1], evidence=evidence)
        case "include":
            event, _, reason = command.rest.partition(" ")
            note = reason.strip() or "counts after all"
            done = curate(session, folder, "include", event, note=note, evidence=evidence)
        case "weight":
            milli = _amount(words[1], command)
            done = curate(session, folder, "weight", words[0], note=words[2], weight_milli=milli, evidence=evidence)
        case "resolve":
            source, _, account = words[0].partition(":")
            done = resolve_account(session, folder, source, account, _user(session, words[1]), evidence=evidence)
        case "units":
            done = override(
                session, folder, _user(session, words[0]), _amount(words[1], command), words[2], evidence=evidence
            )
        case "pool":
            done = add_component(session, folder, _component(words[0]), _whole(words[1]), f"{words[2]} ({evidence})")
        case "answer":
            issue = re.fullmatch(r"#?([1-9][0-9]{0,8})", words[0])
            if issue is None:
                raise _wrong(command)
            done = answer(session, folder, int(issue[1]), words[1], evidence=evidence)
        case "accept-gap":
            if words[0] not in {source.name for source in scope.sources}:
                raise InputError(f"this scope has no source named {words[0]}")
            return f"Accepted: the gaps of {code(words[0])} no longer keep the epoch from review; they stay on record."
        case "repin":
            with locked(session):
                done = repin(session, folder, person.id)
            if done is None:
                return "Nothing to do: the approvers of the scope's file are pinned already."
    return f"Recorded.{_consequence(done)}"


def _consequence(done: Decided | Draft | None) -> str:
    draft = done.draft if isinstance(done, Decided) else done
    if draft is None or not draft.changed:
        return ""
    text = f" The statement changed: {code(draft.derived.statement.statement_hash)}."
    if draft.voided:
        text += f" {draft.voided} signature(s) over the statement before are void; please review and sign again."
    return text


def _words(command: Command) -> list[str]:
    """The arguments; the last one takes the rest of the line. UsageError when there are too few, or too many."""
    if command.name not in FORMS:
        raise UsageError(f"there is no command /{command.name}", hint=f"There are: {', '.join(FORMS.values())}.")
    if command.name == "include":
        if not command.rest:
            raise _wrong(command)
        return [command.rest]
    wanted = _ARGUMENTS.get(command.name, 0)
    words = command.rest.split(maxsplit=wanted - 1) if wanted else command.rest.split()
    if len(words) != wanted:
        raise _wrong(command)
    return [word.strip() for word in words]


def _wrong(command: Command) -> UsageError:
    return UsageError(f"/{command.name} needs another form", hint=f"Write it so: {FORMS[command.name]}")


def _amount(text: str, command: Command) -> int | None:
    return None if text == "-" else _whole(text)


def _whole(text: str) -> int:
    try:
        return parse_amount(text)
    except ValueError as error:
        raise UsageError(str(error), rule="ALL_MATH_BIGINT") from None


def _component(text: str) -> ComponentId:
    match text:
        case "base_issuance" | "kpi_bonus_v0" | "top_up":
            return text
    raise UsageError("no such component", hint="One of base_issuance, kpi_bonus_v0, top_up.")


def _user(session: Session, text: str) -> str:
    """A user by id, or by a name that only one has."""
    names = display_names(session)
    users = {line.user_id for line in session.node.bindings()}
    found = {user for user in users if user == text or names.get(user) == text.removeprefix("@")}
    if len(found) != 1:
        problem = "no user is" if not found else f"{len(found)} users are"
        raise InputError(f"{problem} named {text}", hint="Name one by id; `ledger identity list` shows them.")
    return found.pop()
