"""Propose approver sets, take in signatures over them, begin a new root after a loss (APPROVERS_CHAINED).

The scope's file proposes, the chain decides: nothing here makes a set count but signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ledger.core.approvers import RULE, Chain
from ledger.core.errors import ConfigError, SignatureError, StateError, UsageError
from ledger.core.nextset import named_by, next_set, to_propose, to_sign
from ledger.core.records.approvers import ApproverSet, ApproverSignature, set_text
from ledger.core.settling import Approvers
from ledger.core.signing import normalize_signature, recover_signer
from ledger.core.values import Address
from ledger.flows.keystore import keystore_signature
from ledger.flows.session import Session
from ledger.flows.statementlog import complete_log
from ledger.store import layout
from ledger.store.append import append_records
from ledger.store.files import write_lock
from ledger.store.moneybook import approvers_at


@dataclass(frozen=True, slots=True)
class SetSigned:
    """A signature over an approver set, whether this run added it, and whether the set counts now."""

    signature: ApproverSignature
    person: str
    added: bool
    counts: bool


def proposal(session: Session, scope_id: str) -> ApproverSet | None:
    """The line that would propose whom the scope's file names; None where it is proposed or counts already."""
    chain, scope = session.node.chain(scope_id), session.node.scope(scope_id)
    require_chain(chain)
    if not to_propose(chain, scope):
        return None
    return next_set(chain, scope, session.node.node_id, session.now, f"named in {layout.scope_path(scope_id)}")


@dataclass(frozen=True, slots=True)
class SetsToPin:
    """The approver set that review pins, and the one to propose first, where the scope's file names others."""

    pinned: ApproverSet
    proposed: ApproverSet | None

    def propose(self, session: Session) -> None:
        """Propose what is to be proposed. Call inside the write lock."""
        if self.proposed is not None:
            append_set(session, self.proposed)


def sets_to_pin(session: Session, scope_id: str) -> SetsToPin:
    """What a step to review pins: the set that counts, else the last root that was proposed; StateError for none."""
    proposed, chain = proposal(session, scope_id), session.node.chain(scope_id)
    pinned = chain.current or proposed or chain.to_pin()
    if pinned is None:
        path = layout.scope_path(scope_id)
        raise StateError("no approver set can be pinned", rule=RULE, path=path)
    return SetsToPin(pinned, proposed)


def propose(session: Session, scope_id: str, reason: str | None = None) -> ApproverSet | None:
    """Propose whom the scope's file names; None where that was done or the set counts already."""
    with write_lock(session.node.root):
        line = proposal(session, scope_id)
        if line is not None:
            line = line.model_copy(update={"reason": reason or line.reason})
            append_set(session, line)
        return line


def new_root(session: Session, scope_id: str, reason: str) -> ApproverSet:
    """Begin anew with whom the scope's file names, because too few of those who could decide are left.

    Everyone who verifies is told for ever, and whoever kept the old root is told that it is another. UsageError without
    a reason, StateError where the chain can go on by itself.
    """
    if not reason.strip():
        raise UsageError("a new root needs a reason", hint="Say in words what was lost: --reason TEXT.")
    with write_lock(session.node.root):
        chain, scope = session.node.chain(scope_id), session.node.scope(scope_id)
        require_chain(chain)
        if not scope.approvers:
            raise ConfigError("names no approvers", path=layout.scope_path(scope_id), rule="APPROVERS_PER_SCOPE")
        if chain.current is None or named_by(scope).same_as(chain.current):
            raise StateError(
                "no approver set counts yet" if chain.current is None else "the scope's file names whom the chain has",
                rule=RULE,
                path=layout.scope_path(scope_id),
                hint="There is nothing to begin anew: `ledger review` proposes the first set."
                if chain.current is None
                else "Name in it who signs from now on, and run this again.",
            )
        line = next_set(chain, scope, session.node.node_id, session.now, reason, root=True)
        last = chain.waiting
        if last is not None and (last.previous, last.set_hash, last.threshold) == (None, line.set_hash, line.threshold):
            return last
        append_set(session, line)
        return line


def append_set(session: Session, line: ApproverSet) -> None:
    """Add a proposed set to the scope's chain. Call inside the write lock."""
    append_records(session.node.root, layout.approvers_path(line.scope_id), [line])
    session.tell(f"{line.scope_id}: approver set {line.seq} is proposed and waits for signatures")


def require_chain(chain: Chain) -> Chain:
    """The same chain; SignatureError with the first finding where the stored one does not hold."""
    for finding in chain.findings:
        raise SignatureError(
            finding.message,
            rule=finding.rule,
            path=finding.path,
            line=finding.line,
            hint="`ledger verify` lists everything that is wrong; restore the log from git.",
        )
    return chain


def waiting(session: Session, scope_id: str) -> ApproverSet:
    """The set that waits for signatures; StateError when none does."""
    chain, scope = session.node.chain(scope_id), session.node.scope(scope_id)
    line = to_sign(chain, scope)
    if line is not None:
        return line
    if to_propose(chain, scope):
        hint = "The scope's file names others than the last set: `ledger approvers propose`, or `ledger review`."
    else:
        hint = "Change the approvers in the scope's file first; `ledger approvers status` says who counts."
    raise StateError("no approver set waits for signatures", rule=RULE, hint=hint)


def sign_set(session: Session, scope_id: str, signature: str, evidence: str = "") -> SetSigned:
    """Add one wallet's signature over the set that waits; the signer is recovered, never claimed.

    SignatureError for a stranger, StateError when nothing waits. The same signature again changes nothing.
    """
    with write_lock(session.node.root):
        stored = normalize_signature(signature)
        path = layout.approver_signatures_path(scope_id)
        lines = session.node.epoch(scope_id, 1).approver_signatures()
        chain = require_chain(session.node.chain(scope_id))
        done = next((line for line in lines if line.signature == stored), None)
        if done is not None:
            complete_log(session, scope_id)
            return SetSigned(done, _person(chain, done), added=False, counts=chain.counts(done.approvers_seq))
        line = waiting(session, scope_id)
        wallet = recover_signer(set_text(line), stored)
        if chain.may_sign(line, wallet) is None:
            raise SignatureError(
                f"the signature is by {wallet}, who is neither of approver set {line.seq} nor of the one that decides",
                rule=RULE,
                hint="Sign exactly the text of `ledger approvers message`. A signature over another text looks like "
                "that of a stranger.",
            )
        before = next((one for one in lines if (one.approvers_seq, one.signer_wallet) == (line.seq, wallet)), None)
        if before is None:
            before = ApproverSignature(
                node_id=session.node.node_id,
                scope_id=line.scope_id,
                seq=len(lines) + 1,
                approvers_seq=line.seq,
                evidence=evidence,
                signature=stored,
                signed_at=max(session.now, line.at, lines[-1].signed_at if lines else line.at),
                signer_wallet=wallet,
            )
            append_records(session.node.root, path, [before])
            added = True
        else:
            added = False
        complete_log(session, scope_id)
        chain = session.node.chain(scope_id)
        return SetSigned(before, _person(chain, before), added=added, counts=chain.counts(line.seq))


def _person(chain: Chain, line: ApproverSignature) -> str:
    over = chain.get(line.approvers_seq)
    return (chain.may_sign(over, line.signer_wallet) if over else None) or line.signer_wallet


def sign_set_with_keystore(
    session: Session, scope_id: str, keystore: Path, password: Callable[[], str], evidence: str = ""
) -> SetSigned:
    """Sign the set that waits with an encrypted keystore file (Web3 Secret Storage) and add the signature."""
    text = set_text(waiting(session, scope_id))
    return sign_set(session, scope_id, keystore_signature(text, keystore, password), evidence)


def must_approve(session: Session, scope_id: str, wallet: Address, command: str) -> Approvers:
    """Who approves in a scope now, `wallet` among them; `command` prints the text that was to be signed.

    StateError while no set counts, whose signature ever it is; SignatureError for a stranger.
    """
    who = approvers_at(session.node, scope_id)(session.now)
    if not who.people:
        raise StateError(
            f"no approver set of scope {scope_id} counts yet, so nobody can sign",
            rule=RULE,
            hint="`ledger approvers propose`, then `ledger approvers message` and `sign`; `ledger approvers status` "
            "says whose signature is missing.",
        )
    if wallet not in who.people:
        raise SignatureError(
            f"the signature is by {wallet}, who is no approver of scope {scope_id}",
            rule="APPROVERS_PER_SCOPE",
            hint=f"Sign exactly the text of `{command}` with an approver's wallet.",
        )
    return who
