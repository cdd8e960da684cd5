"""Receipts on GitHub: who wants to vouch opens an issue, wallets sign in comments, one pull request gathers the acts.

The branch `receipts` is built anew on main each time from everything that was said, so it never conflicts and a run
that comes twice gives the same bytes. Whoever writes a comment counts for nothing; the signature in it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ledger.core.errors import LedgerError, StateError
from ledger.core.receipts import ROLES, Receipt, ReceiptAct
from ledger.flows.guard import guard
from ledger.flows.receipts.acts import Acted, Draft, draft_decisions, draft_receipts
from ledger.flows.receipts.offers import read_offer, take_offer
from ledger.flows.receipts.table import Part, part, receipts_of, whole_points
from ledger.flows.session import Session, acting, open_session
from ledger.forge.clone import LostRace, Workspace
from ledger.forge.conversation import Comment, Question, find_pulls, read_comments, read_questions
from ledger.forge.epoch import Run
from ledger.forge.markdown import block, code
from ledger.forge.proposals import Proposal, proposals, receipts_for
from ledger.forge.questions import form_fields

LABEL = "ledger:receipt"
BRANCH = "receipts"
PATH = "data/receipts.jsonl"
TRIES = 5
_COMMAND = re.compile(r"^/receipt[ \t]+(\{.*\})[ \t]*$", re.M)


@dataclass
class Gathered:
    """What a run found: acts on record that main has not yet, the pull request that brings them, what was refused."""

    acts: int = 0
    pull: int | None = None
    commit: str | None = None
    changed: bool = False
    refused: list[str] = field(default_factory=list)


class ReceiptLoop(Run):
    """The pull request of receipts, brought to what it should be."""

    def gather(self) -> Gathered:
        """Read every issue of receipts and its comments, and bring branch, pull request and answers up to date."""
        for _ in range(TRIES):
            self.clone.fetch()
            try:
                with self.clone.workspace() as work:
                    return _Gathering(self, work).run()
            except LostRace as error:
                self.tell(f"{error}; starting over")
        raise StateError(f"the branch {BRANCH} moved {TRIES} times in a row", hint="Run this again; nothing is lost.")


class _Gathering:
    """One run over main as it stands."""

    def __init__(self, loop: ReceiptLoop, work: Workspace) -> None:
        self.loop, self.forge, self.clone, self.work = loop, loop.forge, loop.clone, work
        self.result = Gathered()

    def run(self) -> Gathered:
        session = open_session(self.work.root, self.loop.now, environ=self.loop.environ)
        try:
            said = [one for issue in read_questions(self.forge, label=LABEL) for one in self._issue(session, issue)]
            said += [one for found in proposals(session, self.forge) for one in self._proposal(session, found)]
        finally:
            session.close()
        self._publish()
        for number, mark, text in said:
            body = f"<!-- ledger:{mark} -->\n{text}"
            self.forge.rest("POST", f"issues/{number}/comments", {"body": body})
        return self.result

    def _issue(self, session: Session, issue: Question) -> Iterator[tuple[int, str, str]]:
        """What one issue comes to: its acts go into the work tree; yields what is to be said there and was not yet."""
        yield from self._thread(session, issue.number, "vouch", lambda: self._texts(session, issue))

    def _proposal(self, session: Session, found: Proposal) -> Iterator[tuple[int, str, str]]:
        """What a merged pull request that names a work item comes to: the texts once, then what was signed of them."""
        mark = f"propose {found.work_item_id} {found.points}"
        yield from self._thread(session, found.number, mark, lambda: self._proposed(session, found))

    def _thread(
        self, session: Session, number: int, opening: str, first: Callable[[], str]
    ) -> Iterator[tuple[int, str, str]]:
        comments = read_comments(self.forge, number)
        marks = {comment.body.partition("\n")[0] for comment in comments if comment.ours}

        def unsaid(mark: str) -> bool:
            return f"<!-- ledger:{mark} -->" not in marks

        if unsaid(opening):
            yield number, opening, first()
        for comment in comments:
            if comment.ours or comment.edited:
                continue
            for at, offer in enumerate(_COMMAND.findall(comment.body)):
                mark = f"receipt issuecomment-{comment.id}-{at}"
                told = self._take(session, number, comment, offer)
                if unsaid(mark):
                    yield number, mark, told

    def _take(self, session: Session, number: int, comment: Comment, offer: str) -> str:
        evidence = f"{self.forge.url}/issues/{number}#issuecomment-{comment.id}"
        try:
            with acting(session, "receipts", comment.at):
                done = take_offer(session, read_offer(offer), evidence)
                told = f"Recorded: {done.act.act} by {code(done.act.signer_wallet)}."
                return told + self._next(session, done)
        except LedgerError as error:
            self.result.refused.append(f"{evidence}: {error}")
            hint = f" {code(error.hint, 600)}" if error.hint else ""
            return f"Nothing was done: {code(str(error), 600)}{hint}"

    def _next(self, session: Session, done: Acted) -> str:
        """How to approve what was just issued."""
        act: ReceiptAct = done.act
        if act.act != "issued":
            return ""
        try:
            (draft,) = draft_decisions(session, [act.receipt_hash], "approved")
        except LedgerError:
            return ""
        offer = {"decision": "approved", "number": draft.number, "receipt_hash": draft.receipt_hash}
        return f"\n\nSomebody else with the right approves it:\n\n{_to_sign(draft.text, offer)}"

    def _texts(self, session: Session, issue: Question) -> str:
        """The exact texts that an issue's form asks to be signed, or what is wrong with it."""
        try:
            drafts = draft_receipts(session, list(wanted(session, issue)))
        except LedgerError as error:
            hint = f" {code(error.hint, 600)}" if error.hint else ""
            return f"This cannot be vouched for as it stands: {code(str(error), 600)}{hint}\n\nOpen a new issue for it."
        return _offered(drafts)

    def _proposed(self, session: Session, found: Proposal) -> str:
        """The texts that a merged pull request proposes, or why there are none."""
        item = f"{code(found.work_item_id)} ({found.points} points)"
        try:
            asked, unknown = receipts_for(session, self.forge, found)
            drafts = draft_receipts(session, asked)
        except LedgerError as error:
            return f"This pull request names {item}, but no receipts follow from it: {code(str(error), 600)}"
        left = ", ".join(code(login) for login in unknown)
        told = f"\n\nNobody has bound the account of {left}: bind it, then vouch in an issue." if unknown else ""
        if not drafts:
            return f"This pull request names {item}, but none of its people is known here.{told}"
        return f"This pull request names {item} and proposes receipts for its people. {_offered(drafts)}{told}"

    def _publish(self) -> None:
        """Branch and pull request; nothing where main has all that was said."""
        before = self.clone.remote_head(BRANCH)
        commit = self.clone.commit_file(self.work, PATH, "Receipts that wallets signed")
        self.result.commit = commit
        old, new = (self.clone.read(at, PATH) or b"" for at in (self.work.main, commit))
        self.result.acts = new.count(b"\n") - old.count(b"\n")
        if commit == self.work.main:
            return
        if commit != before:
            self.clone.push_to(BRANCH, commit, before)
            self.result.changed = True
        findings = guard(self.loop.root, self.work.main, commit, None)
        detail = f"{findings[0].rule}: {findings[0].message}"[:130] if findings else "nothing to report"
        state = "failure" if findings else "success"
        status = {"context": "ledger/guard", "state": state, "description": detail}
        if self.result.changed:
            self.forge.rest("POST", f"statuses/{commit}", status)
        pull = next((one for one in reversed(find_pulls(self.forge, BRANCH)) if one.open), None)
        if pull is None:
            body = (
                "Acts on receipts that wallets signed in issues. Each is held to the rules by `ledger guard`, and "
                "counts once this is merged; approved receipts become events when their epoch goes to review.\n\n"
                "This branch is built anew on main by each run: do not commit to it."
            )
            fields = {"title": "Receipts", "head": BRANCH, "base": "main", "body": body, "draft": False}
            self.forge.rest("POST", "pulls", fields)
            pull = next((one for one in reversed(find_pulls(self.forge, BRANCH)) if one.open), None)
        self.result.pull = pull.number if pull else None


def wanted(session: Session, issue: Question) -> Iterator[Receipt]:
    """The receipts that the form of an issue asks for; LedgerError for what is wrong in it."""
    fields = form_fields(issue.body)
    scope = session.scope_id(fields.get("scope") or None)
    parts: list[Part] = []
    for role in ROLES:
        people = re.split(r"[\s,]+", fields.get(role, ""))
        parts += [part(role, one) for one in people if one]
    points = whole_points(fields.get("points", ""), "Points")
    yield from receipts_of(session, scope, fields.get("item", ""), points, parts, fields.get("link", ""), issue.at)


def _offered(drafts: Sequence[Draft]) -> str:
    blocks = [_to_sign(draft.text, {"receipt": _receipt(draft)}) for draft in drafts]
    return (
        "Nothing counts before it is signed. Somebody with the right to vouch signs each text with a wallet "
        "(`personal_sign`) and posts the line below it with the wallet's answer in place of `0x…`:\n\n"
        + "\n\n".join(blocks)
    )


def _receipt(draft: Draft) -> dict[str, object]:
    return draft.receipt.model_dump() if draft.receipt else {}


def _to_sign(text: str, offer: dict[str, object]) -> str:
    """A text and the line that brings its signature back."""
    line = json.dumps({**offer, "signature": "0x…"}, ensure_ascii=False, sort_keys=True)
    return f"{block(text)}\n\n{block('/receipt ' + line)}"


def told(gathered: Gathered) -> Sequence[str]:
    """What a run says on the terminal."""
    where = f"pull request {gathered.pull}" if gathered.pull else "main"
    lines = [f"{gathered.acts} new acts, in {where}"] if gathered.acts else ["nothing that main has not"]
    return [*lines, *(f"refused: {one}" for one in gathered.refused)]
