"""Amendments on GitHub: how one is begun, and what its pull request says first: why, and who gains or loses how much.

An approver begins one by `/amend KIND reason` in the issue of a question about a final epoch, or from a clone by
`ledger pr amend`. Both push the branch `amend/SCOPE/N/VERSION`; the loop opens its pull request and does the rest.
"""

from __future__ import annotations

import re

from ledger.core.canonical import decode
from ledger.core.errors import InputError, LedgerError, StateError
from ledger.core.place import Place
from ledger.core.values import Timestamp
from ledger.flows.amend import KINDS, Amendment
from ledger.flows.amend import begin as begin_flow
from ledger.flows.session import open_session
from ledger.forge.conversation import Comment
from ledger.forge.epoch import Run
from ledger.forge.markdown import code, table

_COMMAND = re.compile(r"/amend(?:[ \t]+(\S+)(?:[ \t]+(\S.*))?)?", re.I)
SHOWN = 50
"""People whose change the body names, the largest losses first; the site and `ledger amend status` have all."""


def begin(
    run: Run,
    scope_id: str,
    epoch_id: int,
    kind: str,
    reason: str,
    evidence: str,
    actor: str | None,
    at: Timestamp | None = None,
) -> Place:
    """Begin an amendment of a final epoch on a branch of its own, as an approver; with the same words only once.

    `at`: when it was asked for, else now.

    Raises what `flows.amend.begin` raises, and StateError while another amendment of the epoch has its branch.
    """
    for place, commit in run.clone.branches().items():
        if place.version > 1 and place[:2] == (scope_id, epoch_id):
            begun = _reason(run, place, commit)
            if (begun.get("kind"), begun.get("reason"), begun.get("evidence")) == (kind, reason, evidence):
                return place
            raise StateError(
                f"an amendment of epoch {scope_id}/{epoch_id} is in progress on {place.branch}",
                rule="AMENDMENT_CHAIN",
                hint="Decide in its pull request, or give it up there: /abandon",
            )
    with run.clone.workspace() as work:
        session = open_session(work.root, at or run.now, environ=run.environ, actor=actor, tell=run.tell)
        try:
            folder = begin_flow(session, session.node.epoch(scope_id, epoch_id), kind, reason, evidence)
        finally:
            session.close()
        place = folder.where
        commit = run.clone.commit(work, (folder.relative,), None, f"Amendment {place}: begun", at or run.now)
        run.clone.push_branch(commit, place.branch, None)
    run.clone.fetch()
    return place


def _reason(run: Run, place: Place, commit: str) -> dict[str, object]:
    folder = f"data/epochs/{place.scope_id}/{place.epoch_id:04d}/amendments/{place.version:02d}"
    data = run.clone.read(commit, f"{folder}/reason.json")
    try:
        return decode((data or b"{}").strip())
    except LedgerError:
        return {}


def asked_for(comment: Comment) -> tuple[str, str] | None:
    """Kind and reason of the amendment that a comment begins, None for a comment that does not; InputError else."""
    for line in comment.body.splitlines():
        match = _COMMAND.fullmatch(line.strip().strip("`").strip())
        if match is None:
            continue
        if comment.edited:
            raise InputError("this comment was edited", hint="Write the command in a new comment.")
        if match[1] is None or match[1].lower() not in KINDS or match[2] is None:
            raise InputError(
                "/amend needs another form",
                hint=f"Write it so: /amend KIND reason, with a KIND of {', '.join(KINDS)}.",
            )
        return match[1].lower(), match[2].strip()
    return None


def amended_title(place: Place, kind: str) -> str:
    """The title: machine values only."""
    return f"Amendment {place}: {kind.replace('_', ' ')}"


def amended_head(found: Amendment, preview: str) -> str:
    """The first words of the body: what this is, why, and the deltas per person."""
    before, reason = found.statement.version - 1, found.reason
    state = {
        "open": "is **open**: approvers and curators decide here",
        "review": "is **in review**: it waits for signatures",
        "finalized": "is **final**",
    }[found.state]
    kind = reason.kind.replace("_", " ")
    why = f"Begun by {code(reason.actor)} on {reason.at[:10]} ({kind}): {code(reason.reason, 1000)}"
    if reason.evidence:
        why += f" Evidence: {code(reason.evidence, 300)}."
    said = [
        f"Version {before + 1} of epoch {found.folder.epoch_id} of scope `{found.folder.scope_id}` {state}. Version "
        f"{before} stays where it is, for everyone to see; what is signed here comes into force in its place.",
        why,
        "### Who gains, who loses\n\n" + _deltas(found, preview),
    ]
    if found.overpaid:
        said.append(
            f"**{found.overpaid} credits were paid already that nobody is owed by this version.** They are netted "
            "against what these people earn later, or waived by approvers (`ledger waive`)."
        )
    return "\n\n".join(said)


def _deltas(found: Amendment, preview: str) -> str:
    if not found.deltas:
        return "Nobody's amount changes yet."
    rows = [(code(one.name), str(one.before), str(one.after), f"{one.change:+d}") for one in found.deltas[:SHOWN]]
    text = table(("who", "before", "after", "change"), rows, (1, 2, 3))
    gained = sum(max(one.change, 0) for one in found.deltas)
    if (more := len(found.deltas) - SHOWN) > 0:
        text += f"\n\n… and {more} more in {preview}."
    return text + f"\n\nTogether {gained:+d} and {-found.taken_back:+d} credits."
