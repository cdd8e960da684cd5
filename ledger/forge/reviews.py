"""Signatures in reviews: an approving review with a line `/sign 0x…` carries a wallet's signature, no more.

The text that was signed, a statement or an approver set, is rebuilt here from the node's own files; the signer is
recovered (EIP-191), must be of the pinned set (or bear on the set that waits), and must be the person whose GitHub
account, by its immutable number, wrote the review (APPROVERS_PINNED_AT_REVIEW, APPROVERS_CHAINED,
SIGNATURE_SCOPE_BOUND).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ledger.core.canonical import sha256_hex
from ledger.core.errors import LedgerError, SignatureError
from ledger.core.nextset import to_sign
from ledger.core.records.approvers import ApproverSignature, set_text
from ledger.core.records.statement import Signature
from ledger.core.signing import normalize_signature, recover_signer, signed_text
from ledger.flows.approvers import sign_set
from ledger.flows.session import EpochFolder, Session, acting
from ledger.flows.sign import current_statement, sign, signer_of
from ledger.forge.conversation import Comment, Review
from ledger.forge.markdown import code, one_line

FORM = "/sign 0x…"
_LINE = re.compile(r"/(?i:sign)[ \t]+[\"'`]?((?:0[xX])?[0-9a-fA-F]{130})[\"'`]?", re.ASCII)
_MOST = 2
"""An approver set and a statement: more than one text of each kind never waits."""


def signatures_in(body: str) -> tuple[str, ...]:
    """The signatures that a review's body carries; none for a body without `/sign`. SignatureError for another form."""
    lines = [line.strip().strip("`").strip() for line in re.split(r"\r?\n", body)]
    lines = [line for line in lines if line.lower().startswith("/sign")]
    matches = [match for line in lines if (match := _LINE.fullmatch(line)) is not None]
    if len(lines) > _MOST or len({match[1] for match in matches}) != len(lines):
        raise SignatureError(
            "a review holds one line for each signature, of the statement and of an approver set that waits",
            hint=f"Write a line `{FORM}` for each: 0x and 130 hexadecimal digits.",
        )
    return tuple(match[1] for match in matches)


def count(
    session: Session, folder: EpochFolder, review: Review, evidence: str, at_commit: Callable[[str], bytes | None]
) -> str | None:
    """Take in the signatures that a review carries; the answer in Markdown, None for a review without one.

    `evidence` is the review's address; `at_commit` gives the stored statement as it stood at a commit of the branch.
    Which text a signature is over is found by recovering its signer. Delivered twice, it is counted once. Errors become
    answers: what was not counted, and exactly why.
    """
    try:
        signatures = signatures_in(review.body)
    except LedgerError as error:
        return _not_counted(error)
    counted, refused = [], []
    for signature in signatures:
        try:
            counted.append(_once(session, folder, review, signature, evidence, at_commit))
        except LedgerError as error:
            refused.append(_not_counted(error))
    return " ".join([f"Counted: {' '.join(counted)}"] * bool(counted) + refused) or None


def count_comment(session: Session, folder: EpochFolder, comment: Comment, signature: str, evidence: str) -> str:
    """Take in a signature from a comment of the wallet's own person: it binds the statement's hash by itself.

    GitHub counts only reviews as approvals, so the answer says that one is still needed there to merge.
    """
    review = Review(comment.id, comment.author, "APPROVED", comment.body, comment.at, comment.edited, "")
    try:
        said = _once(session, folder, review, signature, evidence, lambda _: folder.read("statement.json"))
    except LedgerError as error:
        return _not_counted(error)
    return f"Recorded: {said} GitHub itself merges once somebody also submits an approving review."


def _not_counted(error: LedgerError) -> str:
    hint = f" {one_line(error.hint)}" if error.hint else ""
    return f"Not counted: {code(one_line(str(error)), 300)}.{hint}"


def _once(
    session: Session,
    folder: EpochFolder,
    review: Review,
    signature: str,
    evidence: str,
    at_commit: Callable[[str], bytes | None],
) -> str:
    recorded: list[Signature | ApproverSignature] = [*folder.signatures(), *folder.approver_signatures()]
    for line in recorded:
        if line.evidence == evidence and line.signature == normalize_signature(signature):
            return f"a signature by {code(line.signer_wallet)}."
    if review.state != "APPROVED":
        raise SignatureError(f"the review is {review.state.lower()}", hint="Only an approving review carries one.")
    if review.edited:
        raise SignatureError("the review was edited", hint="Submit a new review; who edits one is not who signed.")
    chain = folder.chain()
    waits = to_sign(chain, session.node.scope(folder.scope_id))
    if waits is not None:
        wallet = recover_signer(set_text(waits), normalize_signature(signature))
        name = chain.may_sign(waits, wallet)
        if name is not None:
            _check_account(session, folder, name, review, may_have_left=True)
            with acting(session, name, review.at):
                taken = sign_set(session, folder.scope_id, signature, evidence)
            done = ", which counts now" if taken.counts else ""
            return f"{code(name)} signed approver set {waits.seq} with {code(wallet)}{done}."
    return _take(session, folder, review, signature, evidence, at_commit)


def _take(
    session: Session,
    folder: EpochFolder,
    review: Review,
    signature: str,
    evidence: str,
    at_commit: Callable[[str], bytes | None],
) -> str:
    if folder.state() != "review":
        raise SignatureError(f"the epoch is {folder.state()}", hint="It is signed while it is in review.")
    statement = current_statement(session, folder)
    reviewed = at_commit(review.commit)
    if reviewed is None or sha256_hex(reviewed) != statement.statement_hash:
        raise SignatureError(
            "the review is of an earlier statement, or of a commit that is not on the epoch's branch",
            hint=f"The statement is now {statement.statement_hash}: read it again and sign its text.",
        )
    stored = normalize_signature(signature)
    name, wallet = signer_of(folder, statement, stored), recover_signer(signed_text(statement), stored)
    _check_account(session, folder, name, review, may_have_left=False)
    with acting(session, name, review.at):
        done = sign(session, folder, signature, evidence)
    if not done.added:
        return f"{code(name)} had signed this statement already."
    return f"{code(name)} signed with {code(wallet)}."


def _check_account(session: Session, folder: EpochFolder, name: str, review: Review, *, may_have_left: bool) -> None:
    """SignatureError unless the review is by the account that the scope's file registers for this person.

    For somebody whom the file no longer names it knows no account. He signs no statement here, so that taking him out
    of the file stops him at once; but `may_have_left` lets his wallet speak alone, to sign the set without him.
    """
    path = f"scopes/{folder.scope_id}.yaml"
    approver = next((one for one in session.node.scope(folder.scope_id).approvers if one.id == name), None)
    if approver is None and not may_have_left:
        raise SignatureError(
            f"{name} was pinned at review but has since left the scope's file",
            rule="APPROVERS_PINNED_AT_REVIEW",
            path=path,
            hint="Let the approver set without him be signed first; then an approver writes `/repin`.",
        )
    if approver is not None and (approver.github_id is None or approver.github_id != review.author.account):
        raise SignatureError(
            f"the signature is by {name}, but the review is not by the GitHub account registered for {name}",
            rule="APPROVERS_PER_SCOPE",
            path=path,
            hint="An approver signs in a review of his own; `github_id` in the scope's file says which account is his.",
        )
