"""An approver's own check: fetch an epoch's branch, recompute it on this machine, sign, submit the review.

What the bot wrote in the pull request is not read at all: everything comes from git and is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ledger.core.errors import DifferenceError, InputError, StateError
from ledger.core.nextset import to_sign
from ledger.core.place import parse_branch
from ledger.core.records.approvers import set_text
from ledger.core.signing import normalize_signature, recover_signer, signed_text
from ledger.flows.digest import Digest, digest
from ledger.flows.sign import check_signer, current_statement
from ledger.flows.verify import verify
from ledger.forge.epoch import EpochBranch, Run


@dataclass
class Desk:
    """The epoch of one pull request, recomputed here. `text` is what to sign, `set_text` the approver set's text where
    one waits that this epoch's approvers sign too; `commit` is what was looked at.
    """

    loop: Run
    epoch: EpochBranch
    number: int
    commit: str
    digest: Digest
    text: str
    set_text: str | None

    def check(self, signature: str) -> tuple[str, str]:
        """The normalised signature and the approver who made it, over the statement or over the set that waits.

        SignatureError for a stranger; InputError when the token belongs to another account than the approver's.
        """
        stored = normalize_signature(signature)
        person = self._signer(stored)
        scope = self.epoch.session.node.scope(self.epoch.scope_id)
        approver = next((one for one in scope.approvers if one.id == person), None)
        account = self.loop.forge.rest("GET", "/user").get("id")
        if approver is not None and approver.github_id is not None and approver.github_id != account:
            raise InputError(
                f"the signature is by {person}, but the token belongs to another GitHub account",
                hint="Submit the review with your own account, or paste the line `/sign 0x…` in the browser.",
            )
        return stored, person

    def _signer(self, stored: str) -> str:
        if self.set_text is not None:
            folder, wallet = self.epoch.folder, recover_signer(self.set_text, stored)
            waits = to_sign(folder.chain(), self.epoch.session.node.scope(self.epoch.scope_id))
            person = folder.chain().may_sign(waits, wallet) if waits is not None else None
            if person is not None:
                return person
        return check_signer(self.epoch.folder, recover_signer(self.text, stored))

    def submit(self, signatures: Sequence[str]) -> None:
        """Submit the approving review that carries the signatures, of exactly the commit that was recomputed."""
        body = "\n".join(f"/sign {signature}" for signature in signatures)
        fields = {"body": body, "event": "APPROVE", "commit_id": self.commit}
        self.loop.forge.rest("POST", f"pulls/{self.number}/reviews", fields)


@contextmanager
def desk(loop: Run, number: int, tell: Callable[[str], None]) -> Iterator[Desk]:
    """Fetch and recompute the epoch of pull request `number`.

    Raises InputError for a pull request that is none of an epoch, DifferenceError when anything does not match, and
    StateError when it is not in review.
    """
    pull = loop.forge.rest("GET", f"pulls/{number}")
    head = pull.get("head") or {}
    place = parse_branch(str(head.get("ref", "")))
    ours = (head.get("repo") or {}).get("full_name") == (pull.get("base", {}).get("repo") or {}).get("full_name")
    if place is None or not ours:
        raise InputError(
            f"pull request #{number} is not that of an epoch or amendment", hint="`ledger pr status` lists them."
        )
    loop.clone.fetch()
    with loop.clone.workspace() as work:
        epoch = EpochBranch(loop, work, place.scope_id, place)
        try:
            if epoch.place != place or epoch.branch is None:
                raise StateError(f"epoch {place} is not in progress", hint="`ledger pr status` says more.")
            tell(f"recomputing {place} as it stands at {epoch.branch[:12]}")
            findings = epoch.tampered(epoch.branch)
            if not findings:
                epoch.lay()
                checked = verify(epoch.session, place.scope_id, place.epoch_id)
                findings = checked.all_findings
            for finding in findings:
                raise DifferenceError(
                    finding.message,
                    rule=finding.rule,
                    path=finding.path or None,
                    line=finding.line,
                    hint="Do not sign this. Ask in the pull request.",
                )
            if epoch.folder.state() != "review":
                raise StateError(f"the epoch is {epoch.folder.state()}", hint="It is signed while it is in review.")
            text = signed_text(current_statement(epoch.session, epoch.folder))
            found = digest(epoch.session, epoch.folder)
            waits = set_text(found.waits) if found.waits is not None else None
            yield Desk(loop, epoch, number, epoch.branch, found, text, waits)
        finally:
            epoch.session.close()
