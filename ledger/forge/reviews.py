"""Signatures in reviews: an approving review with one line `/sign 0x…` carries a wallet's signature, no more.

The text that was signed is rebuilt here from the epoch's own files; the signer is recovered (EIP-191), must be an
approver pinned at review who is still in the scope's file, and must be the person whose GitHub account, by its
immutable number, wrote the review (APPROVERS_PINNED_AT_REVIEW, SIGNATURE_SCOPE_BOUND).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ledger.core.canonical import sha256_hex
from ledger.core.errors import LedgerError, SignatureError
from ledger.core.signing import normalize_signature, recover_signer, signed_text
from ledger.flows.session import EpochFolder, Session
from ledger.flows.sign import check_signer, current_statement, sign
from ledger.forge.commands import acting
from ledger.forge.conversation import Review
from ledger.forge.markdown import code, one_line

FORM = "/sign 0x…"
_LINE = re.compile(r"/sign[ \t]+(0x[0-9a-fA-F]{130})", re.ASCII)


def signature_in(body: str) -> str | None:
    """The signature that a review's body carries; None for a body without `/sign`. SignatureError for another form."""
    lines = [line.strip() for line in re.split(r"\r?\n", body) if line.strip().startswith("/sign")]
    if not lines:
        return None
    match = _LINE.fullmatch(lines[0])
    if len(lines) > 1 or match is None:
        raise SignatureError(
            "a review holds exactly one line with a signature",
            hint=f"Write one line `{FORM}`: 0x and 130 hexadecimal digits.",
        )
    return match[1]


def count(
    session: Session, folder: EpochFolder, review: Review, evidence: str, at_commit: Callable[[str], bytes | None]
) -> str | None:
    """Take in the signature that a review carries; the answer in Markdown, None for a review without one.

    `evidence` is the review's address; `at_commit` gives the stored statement as it stood at a commit of the branch.
    Delivered twice, it is counted once. Errors become answers: what was not counted, and exactly why.
    """
    try:
        signature = signature_in(review.body)
        if signature is None:
            return None
        recorded = next((line for line in folder.signatures() if line.evidence == evidence), None)
        if recorded is not None:
            return f"Counted: a signature by {code(recorded.signer_wallet)}."
        return f"Counted: {_take(session, folder, review, signature, evidence, at_commit)}"
    except LedgerError as error:
        hint = f" {one_line(error.hint)}" if error.hint else ""
        return f"Not counted: {code(one_line(str(error)), 300)}.{hint}"


def _take(
    session: Session,
    folder: EpochFolder,
    review: Review,
    signature: str,
    evidence: str,
    at_commit: Callable[[str], bytes | None],
) -> str:
    if review.state != "APPROVED":
        raise SignatureError(f"the review is {review.state.lower()}", hint="Only an approving review carries one.")
    if review.edited:
        raise SignatureError("the review was edited", hint="Submit a new review; who edits one is not who signed.")
    if folder.state() != "review":
        raise SignatureError(f"the epoch is {folder.state()}", hint="It is signed while it is in review.")
    statement = current_statement(session, folder)
    reviewed = at_commit(review.commit)
    if reviewed is None or sha256_hex(reviewed) != statement.statement_hash:
        raise SignatureError(
            "the review is of an earlier statement, or of a commit that is not on the epoch's branch",
            hint=f"The statement is now {statement.statement_hash}: read it again and sign its text.",
        )
    wallet = recover_signer(signed_text(statement), normalize_signature(signature))
    name = check_signer(session, folder, wallet)
    approver = session.node.scope(folder.scope_id).person_of(wallet)
    if approver is None or approver.github_id is None or approver.github_id != review.author.account:
        raise SignatureError(
            f"the signature is by {name}, but the review is not by the GitHub account registered for {name}",
            rule="APPROVERS_PER_SCOPE",
            path=f"scopes/{folder.scope_id}.yaml",
            hint="An approver signs in a review of his own; `github_id` in the scope's file says which account is his.",
        )
    with acting(session, name, review.at):
        done = sign(session, folder, signature, evidence)
    if not done.added:
        return f"{code(name)} had signed this statement already."
    return f"{code(name)} signed with {code(wallet)}."
