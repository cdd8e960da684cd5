"""One epoch's or amendment's turn: its branch and pull request are brought to what they should be.

Everything that people wrote is read each time and what is due is done; what was done is found on record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ledger.core.errors import InputError, LedgerError, StateError
from ledger.core.place import Place
from ledger.flows.amend import AmendmentFolder, amendment
from ledger.flows.collect import collect
from ledger.flows.conditions import Condition, conditions, ready
from ledger.flows.digest import Digest, digest
from ledger.flows.display import safe_text
from ledger.flows.drafting import stated_or_draft
from ledger.flows.guard import guard
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import locked
from ledger.flows.sign import finalize
from ledger.flows.statementlog import complete_log
from ledger.flows.verify import verify
from ledger.forge.amendments import amended_title
from ledger.forge.body import checklist, pull_body, pull_title
from ledger.forge.clone import Workspace
from ledger.forge.commands import accepted_gaps, carry_out
from ledger.forge.conversation import EVER, Comment, Pull, find_pulls, read_comments, read_reviews
from ledger.forge.epoch import EpochBranch, Outcome, Run
from ledger.forge.github import NotFoundError, RefusedError
from ledger.forge.questions import announce, take_in
from ledger.forge.reviews import count

_MARK = re.compile(r"<!-- ledger:([a-z]+) ([0-9a-z/-]+) -->")


class Turn(EpochBranch):
    """Everything that a run does for one epoch or amendment."""

    def __init__(self, run: Run, work: Workspace, scope_id: str, place: Place | None, *, collecting: bool) -> None:
        super().__init__(run, work, scope_id, place)
        self.collecting = collecting and place is None

    def run(self) -> Outcome | None:
        """Everything that is due, in order; None when nothing is in progress."""
        try:
            return self._run()
        finally:
            self.session.close()

    def _run(self) -> Outcome | None:
        for place, commit in self.left_over:
            self.clone.delete(place.branch, commit)
        if self.place in dict(self.left_over) or (self.branch is None and not self.collecting):
            return None
        outcome = Outcome(self.scope_id, self.folder.epoch_id, "open", version=self.folder.version)
        if self.branch is not None:
            outcome.findings = tuple(self.tampered(self.branch))
            if outcome.findings:
                return self._refuse(outcome)
            self.lay()
        pulls = find_pulls(self.forge, self.name)
        pull = open_pull(pulls)
        comments = self._heard(pulls)
        if self.collecting:
            self._collect(outcome, comments)
        if not self.folder.exists():
            return outcome if outcome.errors else None
        answers: list[tuple[str, str]] = []
        if pull is not None:
            answers = self._commands(comments)
            if not self.folder.exists():
                return self._give_up(outcome, pull, answers)
            answers += self._reviews(pull, comments)
            if self.amends is None:
                take_in(self.session, self.folder, self.forge)
        self._draft()
        if pull is not None and ready(self.session, self.folder):
            finalize(self.session, self.folder)
        outcome.state = self.folder.state()
        before, commit = self.branch, self._commit()
        outcome.commit, outcome.changed = commit, commit != before
        pull = pull or self._create()
        outcome.pull = pull.number
        self._show(outcome, pull, commit, comments, answers)
        if outcome.state == "finalized":
            self._merge(outcome, pull, commit)
        return outcome

    def _heard(self, pulls: list[Pull]) -> list[Comment]:
        """What was said in the pull requests; in an amendment's since it was begun, for one before may be given up."""
        since = self.folder.transitions()[0].at if self.amends is not None else EVER
        return [one for pull in pulls for one in read_comments(self.forge, pull.number) if one.at >= since]

    def _give_up(self, outcome: Outcome, pull: Pull, answers: list[tuple[str, str]]) -> Outcome:
        """An approver gave the amendment up: its pull request is closed, its branch goes."""
        outcome.state, outcome.pull, outcome.changed = "abandoned", pull.number, True
        self._answer(pull, answers)
        self.forge.rest("PATCH", f"pulls/{pull.number}", {"state": "closed"})
        if self.branch is not None:
            self.clone.delete(self.name, self.branch)
        return outcome

    def _refuse(self, outcome: Outcome) -> Outcome:
        first = outcome.findings[0]
        outcome.commit = self.branch
        outcome.errors.append(
            StateError(
                f"the branch {self.name} holds what the log does not allow: {first.message}",
                rule=first.rule,
                path=first.path or None,
                line=first.line,
                hint="Nothing is taken from it. Remove the commit (or the branch: collecting starts it anew).",
            )
        )
        if self.branch is not None:
            self._status(self.branch, "guard", f"{first.rule}: {first.message}", ok=False)
        return outcome

    def _collect(self, outcome: Outcome, comments: list[Comment]) -> None:
        try:
            run = collect(self.session, self.scope_id)
        except LedgerError as error:
            outcome.errors.append(error)  # what was read before it is kept
            return
        outcome.notes += [f"{waiting.reason}. {waiting.hint}" for waiting in run.waiting]
        for report in run.reports:
            if report.error is not None:
                outcome.errors.append(report.error)
        for epoch in run.epochs:
            if epoch.held_back is None:
                continue
            gaps = accepted_gaps(self.session.node.scope(self.scope_id), comments)
            try:
                if not gaps:
                    raise epoch.held_back
                ingest = Ingest(self.session)
                try:
                    with locked(self.session):
                        review(self.session, epoch.folder, ingest, accepted_gaps=gaps)
                finally:
                    ingest.close()
            except LedgerError as error:
                outcome.errors.append(error)

    def _commands(self, comments: list[Comment]) -> list[tuple[str, str]]:
        marks = _marks(comments)
        answers = []
        for comment in comments:
            name = f"issuecomment-{comment.id}"
            if comment.ours or ("answered", name) in marks:
                continue
            evidence = f"{self.forge.url}/pull/{comment.thread}#{name}"
            said = carry_out(self.session, self.folder, comment, evidence, self._status_text)
            if said is not None and ("recorded", name) not in marks:
                answers.append((evidence, said))
            if not self.folder.exists():
                break  # given up
        return answers

    def _reviews(self, pull: Pull, comments: list[Comment]) -> list[tuple[str, str]]:
        marks = _marks(comments)
        answers = []
        path = f"{self.folder.relative}/statement.json"

        def at_commit(commit: str) -> bytes | None:
            known = self.branch is not None and self.clone.contains(self.branch, commit)
            return self.clone.read(commit, path) if known else None

        for one in read_reviews(self.forge, pull.number):
            name = f"pullrequestreview-{one.id}"
            evidence = f"{self.forge.url}/pull/{pull.number}#{name}"
            said = count(self.session, self.folder, one, evidence, at_commit)
            if said is None or ("recorded", name) in marks:
                continue
            if said.startswith("Counted") or ("answered", name) not in marks:
                answers.append((evidence, said))
        return answers

    def _draft(self) -> None:
        """The statement as it must stand; over the bindings of today as long as nobody signed it.

        First the statement log, which is main's where that went on: what became final in this epoch is added again.
        """
        with locked(self.session):
            complete_log(self.session, self.scope_id, amending=True)
        if self.folder.state() == "review":
            statement = self.folder.statement()
            signed = statement is not None and any(
                line.statement_hash == statement.statement_hash for line in self.folder.signatures()
            )
            stated_or_draft(self.session, self.folder, refresh=not signed)

    def _commit(self) -> str:
        folder, before = self.folder, self.branch
        message = f"{'Epoch' if self.amends is None else 'Amendment'} {self.place}: {folder.state()}"
        paths = (folder.relative, *folder.scope_logs)
        commit = self.clone.commit(self.work, paths, before, message, self.session.now)
        if commit != before:
            self.clone.push_branch(commit, self.name, before)
            self.branch = commit
        return commit

    def _create(self) -> Pull:
        view = digest(self.session, self.folder)
        title = self._title()
        fields = {"title": title, "head": self.name, "base": "main", "body": self._body(view), "draft": True}
        self.forge.rest("POST", "pulls", fields)
        pull = open_pull(find_pulls(self.forge, self.name))
        if pull is None:
            raise InputError(f"the pull request of {self.name} cannot be found", hint="Run this again.")
        return pull

    def _show(
        self, outcome: Outcome, pull: Pull, commit: str, comments: list[Comment], answers: list[tuple[str, str]]
    ) -> None:
        """Answers, statuses, body, draft or ready: everything that people see."""
        self._answer(pull, answers)
        if self.amends is None:
            announce(self.folder, self.forge)
        view = digest(self.session, self.folder)
        outcome.conditions = (*view.conditions, *self._checks(outcome, commit, view))
        body, title = self._body(view, outcome.conditions, pull.number), self._title()
        if (pull.title, pull.body.replace("\r\n", "\n").strip()) != (title, body.strip()):
            self.forge.rest("PATCH", f"pulls/{pull.number}", {"title": title, "body": body})
        if pull.draft and outcome.state != "open":
            self.forge.graphql("ready", {"pull": pull.id})
        if not pull.draft and outcome.state == "open":
            self.forge.graphql("draft", {"pull": pull.id})
        if outcome.state == "review":
            self._ask(pull, view, comments)

    def _answer(self, pull: Pull, answers: list[tuple[str, str]]) -> None:
        for evidence, said in answers:
            name = evidence.partition("#")[2]
            word = "recorded" if said.startswith(("Recorded", "Counted")) else "answered"
            text = f"<!-- ledger:{word} {name} -->\nIn answer to [this]({evidence}):\n\n{said}"
            self.forge.rest("POST", f"issues/{pull.number}/comments", {"body": text})

    def _checks(self, outcome: Outcome, commit: str, view: Digest) -> list[Condition]:
        """Guard over the branch against main, verify over the epoch; both said as commit statuses."""
        findings = guard(self.loop.root, self.work.main, commit, self.place)
        checked = verify(self.session, self.scope_id, self.folder.epoch_id)
        wrong = checked.all_findings
        outcome.findings = (*findings, *wrong)
        found = []
        for name, said in (("guard", findings), ("verify", wrong)):
            first = f"{said[0].rule}: {said[0].message}" if said else ""
            detail = f"{len(said)} findings; the first: {first}" if said else "nothing to report"
            self._status(commit, name, detail, ok=not said)
            found.append(Condition(name, not said, detail))
        open_ = [one.name for one in view.conditions if not one.met]
        self._status(commit, "statement", "final" if not open_ else f"waits for: {', '.join(open_)}", ok=not open_)
        return found

    def _status(self, commit: str, name: str, detail: str, *, ok: bool) -> None:
        state = "success" if ok else ("pending" if name == "statement" else "failure")
        wanted = {"context": f"ledger/{name}", "state": state, "description": safe_text(detail, 130)}
        present = self.forge.rest("GET", f"commits/{commit}/status")
        for status in present.get("statuses", []) if isinstance(present, dict) else []:
            if {key: status.get(key) for key in wanted} == wanted:
                return
        self.forge.rest("POST", f"statuses/{commit}", wanted)

    def _body(self, view: Digest, found: Sequence[Condition] = (), number: int | None = None) -> str:
        settings = self.session.node.settings
        epoch = view.derived.epoch
        asking = f"{self.forge.url}/issues/new?template=question.yml&scope={epoch.scope_id}&epoch={epoch.epoch_id}"
        amended = amendment(self.session, self.folder) if self.amends is not None else None
        return pull_body(view, found or view.conditions, settings.site_url, asking, number, amended)

    def _title(self) -> str:
        reason = self.folder.reason() if isinstance(self.folder, AmendmentFolder) else None
        return pull_title(self.folder.epoch()) if reason is None else amended_title(self.place, reason.kind)

    def _status_text(self) -> str:
        return checklist(conditions(self.session, self.folder))

    def _ask(self, pull: Pull, view: Digest, comments: list[Comment]) -> None:
        """Ask the approvers, once for each statement: the first time, and again when it changed."""
        statement = view.derived.statement
        if ("statement", statement.statement_hash) in _marks(comments):
            return
        scope = self.session.node.scope(self.scope_id)
        logins = [login for person in scope.approvers if (login := self._login(person.github_id)) is not None]
        void = sum(line.statement_hash != statement.statement_hash for line in self.folder.signatures())
        also = f", and approver set {view.waits.seq}" if view.waits is not None else ""
        again = f"\n\nThe statement changed: {void} signature(s) over earlier ones are void." if void else ""
        text = (
            f"<!-- ledger:statement {statement.statement_hash} -->\n{' '.join('@' + login for login in logins)} "
            f"please review and sign the statement `{statement.statement_hash}`{also}.{again}"
        )
        self.forge.rest("POST", f"issues/{pull.number}/comments", {"body": text})
        if logins:
            try:
                self.forge.rest("POST", f"pulls/{pull.number}/requested_reviewers", {"reviewers": logins})
            except (RefusedError, NotFoundError) as error:
                self.loop.tell(f"reviewers were not requested: {error.message}")

    def _login(self, account: int | None) -> str | None:
        """The present login of an account, None where there is none (any more)."""
        if account is None:
            return None
        try:
            login = self.forge.rest("GET", f"/user/{account}").get("login")
        except NotFoundError:
            return None
        return login if isinstance(login, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}", login) else None

    def _merge(self, outcome: Outcome, pull: Pull, commit: str) -> None:
        if outcome.findings:
            return  # said in the statuses
        if self.session.node.scope(self.scope_id).merge == "manual":
            outcome.notes.append("final; a person merges it (merge: manual)")
            return
        title = f"{self._title()} (#{pull.number})"
        fields = {"sha": commit, "merge_method": "squash", "commit_title": title, "commit_message": ""}
        try:
            self.forge.rest("PUT", f"pulls/{pull.number}/merge", fields)
        except RefusedError as error:
            outcome.notes.append(f"GitHub does not merge it yet: {error.message}")
            return
        outcome.merged = True
        self.clone.delete(self.name, commit)


def open_pull(pulls: list[Pull]) -> Pull | None:
    """The pull request to work on: the last one that is open."""
    return next((pull for pull in reversed(pulls) if pull.open), None)


def _marks(comments: list[Comment]) -> set[tuple[str, str]]:
    """What the ledger itself has said before: (word, subject). Nobody else's marks count."""
    first = (_MARK.match(comment.body) for comment in comments if comment.ours)
    return {(match[1], match[2]) for match in first if match}
