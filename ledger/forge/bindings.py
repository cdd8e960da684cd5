"""The one pull request for bindings: everything that is proved or vouched for, always built anew over main.

Its branch `bindings` is main and the lines that claims add to the bindings log, in the order of the issues: so two
claims never conflict, and a line keeps no number that main has taken meanwhile. Owners of the settings merge it; it
merges itself where every scope says `merge_bindings: self_proved` and every line is proved by its owner. Scopes are
read from main, and GitHub's own rules stay above: a review that they ask for is waited for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ledger.flows.guard import guard
from ledger.flows.session import Session, open_session
from ledger.flows.verify import verify
from ledger.forge.claims import Answered, Line, take_claim, take_vouchers
from ledger.forge.clone import Workspace
from ledger.forge.conversation import Pull, find_pulls, read_claims, read_comments
from ledger.forge.epoch import Run
from ledger.forge.github import RefusedError
from ledger.forge.markdown import code, table

BRANCH = "bindings"
LOG = "data/identities.jsonl"


def bring_bindings(run: Run) -> bool:
    """Take in every open claim, keep branch and pull request current, answer; whether it merged.

    After a merge nothing is answered yet: run it again over the new main, which says what is bound.
    """
    claims = read_claims(run.forge)
    pull = next((one for one in reversed(find_pulls(run.forge, BRANCH)) if one.open), None)
    if not claims and pull is None:
        return False
    with run.clone.workspace() as work:
        session = open_session(work.root, run.now, environ=run.environ, tell=run.tell)
        try:
            answered = [take_claim(session, one, f"{run.forge.url}/issues/{one.number}") for one in claims]
            said = [comment for claim in claims for comment in read_comments(run.forge, claim.number)]
            said += read_comments(run.forge, pull.number) if pull is not None else []
            vouched = take_vouchers(session, said, run.forge.url)
            lines = [line for found in (*answered, *(each for _, each in vouched)) for line in found.lines]
            commit = _push(run, work, bool(lines))
            if lines:
                pull = _show(run, pull, lines)
                good = _checks(run, session, work, commit)
                if good and _merges_itself(session, lines) and _merge(run, pull, commit):
                    return True
            elif pull is not None:
                run.forge.rest("PATCH", f"pulls/{pull.number}", {"state": "closed"})
        finally:
            session.close()
    number = pull.number if pull is not None and lines else None
    for one in answered:
        _answer(run, one.issue, f"claim-{one.issue}", _words(one, number), close=one.done)
    for comment, each in vouched:
        _answer(run, comment.thread, f"bind-{comment.id}", _words(each, number), close=False)
    return False


def _merges_itself(session: Session, lines: Sequence[Line]) -> bool:
    """Whether no person's click is wanted: nobody vouches for anybody here, and bindings are every scope's concern."""
    scopes = session.node.scopes.values()
    return all(line.self_proved for line in lines) and all(one.merge_bindings == "self_proved" for one in scopes)


def _merge(run: Run, pull: Pull, commit: str) -> bool:
    fields = {"sha": commit, "merge_method": "squash", "commit_title": f"{pull.title} (#{pull.number})"}
    try:
        run.forge.rest("PUT", f"pulls/{pull.number}/merge", {**fields, "commit_message": ""})
    except RefusedError as error:
        run.tell(f"bindings: GitHub does not merge #{pull.number} yet: {error.message}")
        return False
    run.clone.delete(BRANCH, commit)
    return True


def _push(run: Run, work: Workspace, wanted: bool) -> str:
    """The branch's commit, one over main, pushed where it differs; empty where none is wanted."""
    before = run.clone.remote_branch(BRANCH)
    if not wanted:
        if before is not None:
            run.clone.push_branch("", BRANCH, before)
        return ""
    commit = run.clone.commit(work, [LOG], None, "Bind accounts that are proved", run.clone.time_of(work.main))
    if commit != before:
        run.clone.push_branch(commit, BRANCH, before)
    return commit


def _show(run: Run, pull: Pull | None, lines: Sequence[Line]) -> Pull:
    """The pull request with its table, opened where there is none."""
    rows = [
        (code(line.account), code(line.login or ""), code(line.user_id), code(line.by), f"#{line.issue}")
        for line in lines
    ]
    body = (
        "These accounts are proved by their owners, or an approver vouches for them. Look at each issue, then approve "
        "and merge: nothing conflicts, since this is built anew over `main` whenever either moves.\n\n"
        + table(("account", "login", "user", "by", "from"), rows)
        + "\n\nApprovers add a line by a comment here or in an issue: `/bind github:1234 @login`. "
        "This text is written anew by the ledger; edits are lost.\n"
    )
    title = f"Bindings: {len(rows)} account{'s' * (len(rows) != 1)}"
    if pull is None:
        run.forge.rest("POST", "pulls", {"title": title, "head": BRANCH, "base": "main", "body": body})
        return next(one for one in reversed(find_pulls(run.forge, BRANCH)) if one.open)
    if (pull.title, pull.body.replace("\r\n", "\n").strip()) != (title, body.strip()):
        run.forge.rest("PATCH", f"pulls/{pull.number}", {"title": title, "body": body})
    return pull


def _checks(run: Run, session: Session, work: Workspace, commit: str) -> bool:
    """The three required checks, said once for each commit: a pull request by a job's token starts no workflow.

    Returns whether all are green.
    """
    present = run.forge.rest("GET", f"commits/{commit}/status")
    if isinstance(present, dict) and len(present.get("statuses", [])) >= 3:
        return all(one.get("state") == "success" for one in present["statuses"])
    wrong = guard(run.root, work.main, commit, None)
    differs = verify(session).all_findings
    for name, findings in (("guard", wrong), ("verify", differs), ("statement", [])):
        first = f"{findings[0].rule}: {findings[0].message}"[:130] if findings else "nothing to report"
        state = "failure" if findings else "success"
        run.forge.rest(
            "POST", f"statuses/{commit}", {"context": f"ledger/{name}", "state": state, "description": first}
        )
    return not wrong and not differs


def _words(found: Answered, number: int | None) -> str:
    text = "\n".join(f"- {line}" for line in found.said)
    if found.lines and number is not None:
        text += f"\n\nWhat is proved waits in #{number}; owners of the settings merge it. It counts from then on."
    if found.done:
        text += "\n\nEverything here is on the record. Done."
    return text


def _answer(run: Run, issue: int, name: str, text: str, *, close: bool) -> None:
    """Say it once: a comment for each state of the claim, marked by its hash, never the same twice."""
    mark = f"<!-- ledger:{name} {hashlib.sha256(text.encode()).hexdigest()[:16]} -->"
    said = [one.body.partition("\n")[0] for one in read_comments(run.forge, issue) if one.ours]
    if mark not in said[-1:] and not (mark in said and name.startswith("bind-")):
        run.forge.rest("POST", f"issues/{issue}/comments", {"body": f"{mark}\n{text}"})
    if close:
        run.forge.rest("PATCH", f"issues/{issue}", {"state": "closed"})
