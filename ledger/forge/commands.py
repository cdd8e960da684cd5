"""Commands in comments, by approvers and curators: each recorded, and answered with what it changed in figures.

A comment that was edited does nothing, since another person may have edited it. A decision carries the comment's
author, time and address, so that carrying it out again gives the same line. Anybody may ask (`/why`, `/who`, `/status`,
`/help`); the grammar is `forge.grammar`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ledger.core.config import Person, ScopeSettings
from ledger.core.errors import InputError, LedgerError, UsageError
from ledger.core.records.decisions import ComponentId
from ledger.core.values import UserId, units_text
from ledger.flows.amend import AmendmentFolder, abandon, review_amendment
from ledger.flows.budget import add_component, award, cancel_award, withdraw_component
from ledger.flows.decide import Decided, curate, override, resolve_account
from ledger.flows.drafting import Draft, as_stated
from ledger.flows.identity import bound_accounts, display_names
from ledger.flows.questions import answer
from ledger.flows.review import repin
from ledger.flows.session import EpochFolder, Session, acting, locked
from ledger.flows.undo import undo
from ledger.forge.conversation import Comment
from ledger.forge.figures import changes, figures
from ledger.forge.grammar import (
    FORMS,
    HELP,
    MORE_FORMS,
    READING,
    Command,
    bare,
    event_named,
    milli_units,
    parse,
    unknown,
    whole,
    words_of,
    wrong,
)
from ledger.forge.markdown import code, one_line
from ledger.forge.reviews import count_comment

_FOR_APPROVERS = {"answer", "accept-gap", "repin", "sign", "review", "abandon"}
_SILENT = {"status", "help", "why", "who", "sign", "accept-gap", "answer", "review", "abandon"}
"""Commands that move no figure, or say themselves what they did."""


def accepted_gaps(scope: ScopeSettings, comments: Sequence[Comment]) -> list[str]:
    """The sources whose gaps an approver accepted in a comment that nobody edited."""
    approvers = {person.github_id for person in scope.approvers if person.github_id is not None}
    return sorted(
        {
            bare(command.rest)
            for comment in comments
            if comment.author.account in approvers and not comment.edited
            for command in parse(comment.body)
            if command.name == "accept-gap" and len(command.rest.split()) == 1
        }
    )


def on_record(folder: EpochFolder, evidence: str) -> bool:
    """Whether a decision that came from this address is in the epoch's logs."""
    found = [line.evidence for line in folder.curation()]
    found += [line.evidence for line in folder.overrides()]
    found += [line.evidence for line in folder.objections()]
    found += [line.evidence for line in folder.awards()]
    parts = [line.evidence_ref or line.reason or "" for line in folder.pool()]
    return evidence in found or any(part.endswith(f"({evidence})") for part in parts)


def carry_out(
    session: Session, folder: EpochFolder, comment: Comment, evidence: str, status: Callable[[], str]
) -> str | None:
    """Do what a comment says and return the answer in Markdown; None for a comment that wants none.

    `evidence` is the comment's address; `status` gives the answer to `/status`. Errors become answers, one for each
    command. An answer begins with `Recorded` where anything was.
    """
    scope = session.node.scope(folder.scope_id)
    person = scope.decider_by_account(comment.author.account) if comment.author.account is not None else None
    commands = [one for one in parse(comment.body) if one.name in FORMS or person is not None]
    if not commands:
        return None
    if comment.edited:
        return "Nothing was done: this comment was edited. Write the command in a new comment."
    if person is None and any(one.name not in READING for one in commands):
        return (
            "Nothing was done: only approvers and curators of this scope decide here, by the GitHub account that "
            f"`scopes/{folder.scope_id}.yaml` lists for them. Anyone may ask a question in an issue, and `/why EVENT`, "
            "`/who USER`, `/status` and `/help` here."
        )
    if any(one.name not in READING for one in commands) and on_record(folder, evidence):
        return "Recorded."
    said = [_answer(session, folder, scope, person, command, comment, evidence, status) for command in commands]
    if len(said) == 1:
        return said[0]
    done = sum(text.startswith("Recorded") for text in said)
    head = f"Recorded {done} of {len(said)}:" if done else "Answers:"
    return "\n\n".join([head, *(f"{code(one.text, 200)}: {text}" for one, text in zip(commands, said, strict=True))])


def _answer(
    session: Session,
    folder: EpochFolder,
    scope: ScopeSettings,
    person: Person | None,
    command: Command,
    comment: Comment,
    evidence: str,
    status: Callable[[], str],
) -> str:
    try:
        if command.name not in FORMS:
            raise unknown(command)
        if person is None or command.name in READING:
            return _read(session, folder, command, status)
        signs = command.name in _FOR_APPROVERS or command.text.lower().startswith("/pool withdraw")
        if signs and all(approver.id != person.id for approver in scope.approvers):
            raise InputError("only an approver may do this", rule="APPROVERS_PER_SCOPE")
        if command.name == "sign":
            return count_comment(session, folder, comment, words_of(command)[0], evidence)
        before = figures(session, folder)
        with acting(session, person.id, comment.at):
            text = _do(session, folder, scope, person, command, evidence)
        if command.name in _SILENT:
            return text
        return text + changes(session, before, figures(session, folder))
    except LedgerError as error:
        hint = f" {one_line(error.hint)}" if error.hint else ""
        return f"Nothing was done: {code(one_line(str(error)), 300)}.{hint}"


def _read(session: Session, folder: EpochFolder, command: Command, status: Callable[[], str]) -> str:
    """What changes nothing."""
    words = words_of(command)
    match command.name:
        case "status":
            return status()
        case "why":
            return _why(session, folder, words[0])
        case "who":
            return _who(session, folder, words[0])
    forms = [*FORMS.values(), *MORE_FORMS.values()]
    return "\n".join([*(f"- `{form}`" for form in sorted(forms)), "", HELP])


def _why(session: Session, folder: EpochFolder, text: str) -> str:
    derived = as_stated(session, folder)
    event = derived.loaded.find(event_named(text, derived.loaded.outcomes()))
    if event is None:
        raise InputError(f"this epoch has no event {text}")
    names = display_names(session)
    whose = code(names.get(event.user_id, event.user_id)) if event.user_id else "nobody yet: its account is not bound"
    lines = [
        f"{code(event.id)} is {code(f'{event.source}:{event.event_type}')} by account {code(event.platform_user_id)}.",
        f"- It {'counts' if event.included else 'does **not** count'}: {units_text(event.units)} units, by "
        f"{event.weight_source}" + (f", {event.quantity} times" if event.quantity > 1 else "") + ".",
        f"- It is for {whose}.",
    ]
    for line in folder.curation():
        if line.event_id == event.id:
            lines.append(f"- {line.at[:16]} {code(line.actor)}: {line.action} {code(line.note or line.user_id or '')}")
    return "\n".join(lines)


def _who(session: Session, folder: EpochFolder, text: str) -> str:
    user = _user(session, text)
    paid = {one.user_id: one for one in as_stated(session, folder).statement.payouts}.get(user)
    accounts = [code(f"{one.provider}:{one.external_id}") for one in bound_accounts(session) if one.user_id == user]
    here = f"{units_text(paid.total_units)} units, {paid.amount_credits:,} credits" if paid else "nothing"
    name = code(display_names(session).get(user, user))
    return f"{name} is {code(user)}. In this epoch: {here}. Accounts: {', '.join(accounts) or 'none any more'}."


def _do(
    session: Session, folder: EpochFolder, scope: ScopeSettings, person: Person, command: Command, evidence: str
) -> str:
    words = words_of(command)
    done: Decided | Draft | None = None
    match command.name:
        case "exclude":
            done = curate(
                session, folder, "exclude", _event(session, folder, words[0]), note=words[1], evidence=evidence
            )
        case "include":
            event, _, reason = command.rest.partition(" ")
            note, event = reason.strip() or "counts after all", _event(session, folder, event)
            done = curate(session, folder, "include", event, note=note, evidence=evidence)
        case "weight":
            milli, event = milli_units(words[1]), _event(session, folder, words[0])
            done = curate(session, folder, "weight", event, note=words[2], weight_milli=milli, evidence=evidence)
        case "resolve":
            source, _, account = bare(words[0]).partition(":")
            done = resolve_account(session, folder, source, account, _user(session, words[1]), evidence=evidence)
        case "units":
            milli = milli_units(words[1])
            done = override(session, folder, _user(session, words[0]), milli, words[2], evidence=evidence)
        case "award":
            if words[0].lower() == "cancel":
                done = cancel_award(session, folder, bare(words[1]), words[2], evidence=evidence)
            else:
                user = _user(session, words[0])
                done = award(session, folder, user, whole(words[1]), words[2], evidence=evidence)
        case "pool":
            if words[0].lower() == "withdraw":
                component = _component(words[1])
                done = withdraw_component(session, folder, component, f"{words[2]} ({evidence})")
            else:
                component, amount = _component(words[0]), whole(words[1])
                done = add_component(session, folder, component, amount, f"{words[2]} ({evidence})")
        case "answer":
            issue = re.fullmatch(r"#?([1-9][0-9]{0,8})", words[0])
            if issue is None:
                raise wrong(command)
            answer(session, folder, int(issue[1]), words[1], evidence=evidence)
        case "accept-gap":
            if bare(words[0]) not in {source.name for source in scope.sources}:
                raise InputError(f"this scope has no source named {words[0]}")
            return f"Accepted: the gaps of {code(words[0])} no longer keep the epoch from review; they stay on record."
        case "undo":
            what, done = undo(session, folder, evidence=evidence)
            return f"Recorded: {code(what)} is taken back.{_statement(done)}"
        case "review" | "abandon":
            if not isinstance(folder, AmendmentFolder):
                hint = "An epoch goes to review by itself once its window is over."
                raise InputError(f"/{command.name} is for amendments", hint=hint)
            if command.name == "abandon":
                abandon(session, folder)
                return "Recorded: the amendment is given up; the version before stays in force."
            with locked(session):
                done = review_amendment(session, folder, person.id)
        case "repin":
            with locked(session):
                done = repin(session, folder, person.id)
            if done is None:
                return "Nothing to do: the approvers of the scope's file are pinned already."
    return f"Recorded.{_statement(done)}"


def _statement(done: Decided | Draft | None) -> str:
    draft = done.draft if isinstance(done, Decided) else done
    if draft is None or not draft.changed:
        return ""
    text = f" The statement changed: {code(draft.derived.statement.statement_hash)}."
    if draft.voided:
        text += f" {draft.voided} signature(s) over the statement before are void; please review and sign again."
    return text


def _event(session: Session, folder: EpochFolder, text: str) -> str:
    return event_named(text, as_stated(session, folder).loaded.outcomes())


def _component(text: str) -> ComponentId:
    word = bare(text).lower()
    match word:
        case "base_issuance" | "kpi_bonus_v0" | "top_up":
            return word
    raise UsageError("no such component", hint="One of base_issuance, kpi_bonus_v0, top_up.")


def _user(session: Session, text: str) -> UserId:
    """A user by id, or by a name that only one has; `@` and letter case do not matter."""
    word = bare(text).removeprefix("@")
    names = display_names(session)
    users = {line.user_id for line in session.node.bindings()}
    found = {user for user in users if user == word or names.get(user) == word}
    found = found or {user for user in users if (names.get(user) or "").lower() == word.lower()}
    if len(found) != 1:
        problem = "no user is" if not found else f"{len(found)} users are"
        raise InputError(f"{problem} named {text}", hint="Name one by id; `ledger identity list` shows them.")
    return found.pop()
