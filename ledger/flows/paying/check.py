"""The check of a scope's money: what `verify` runs over plans, settlements, instructions and balances."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from ledger.core.book import Book, build_book
from ledger.core.canonical import sha256_hex
from ledger.core.errors import LedgerError, SignatureError
from ledger.core.evaluate import Finding
from ledger.core.history import source_findings, total_of
from ledger.core.identity import resolve_accounts
from ledger.core.instructions import Instruction, wallet_is_proved
from ledger.core.planning import BookInputs, PlanOnRecord
from ledger.core.records.decisions import Binding
from ledger.core.settling import APPEND_ONLY, BALANCED, BOUND, ApproversAt, book_findings, repeated_evidence
from ledger.core.signing import recover_signer
from ledger.flows.verdicts import as_finding
from ledger.store import paylayout
from ledger.store.moneybook import approvers_at, book_inputs
from ledger.store.node import Node
from ledger.store.payments import PayFiles, distributions_on_disk, on_disk

Lines = Sequence[Binding]


def money_findings(node: Node, scopes: Sequence[str]) -> Iterator[Finding]:
    """Everything that does not hold about the money of these scopes, and about instructions of the whole node."""
    plans: list[PlanOnRecord] = []
    files = on_disk(node.root, node.node_id)
    for scope_id in scopes:
        if not uses_money(node, files, scope_id):
            continue
        try:
            inputs = book_inputs(node, scope_id)
            yield from _scope_findings(node, scope_id, inputs, build_book(inputs, whose=()), files)
            plans += inputs.plans
        except LedgerError as error:
            yield as_finding(error.at(f"{paylayout.DISTRIBUTIONS}/{scope_id}"))
    yield from repeated_evidence(plans)
    try:
        yield from instruction_findings(files.instructions(), node.bindings())
    except LedgerError as error:
        yield as_finding(error)


def uses_money(node: Node, files: PayFiles, scope_id: str) -> bool:
    """Whether a scope has anything on record that moves a balance but its statements."""
    if distributions_on_disk(node.root, scope_id) or files.read(paylayout.opening_path(scope_id)):
        return True
    if files.sources(scope_id):
        return True
    return bool(files.read(paylayout.WAIVERS))


def _scope_findings(node: Node, scope_id: str, inputs: BookInputs, book: Book, files: PayFiles) -> Iterator[Finding]:
    approvers = approvers_at(node, scope_id)
    yield from book_findings(inputs, book, approvers)
    for each in inputs.plans:
        yield from _pins(node, files, each)
        yield from _plan_signatures(files, each, approvers)
    if inputs.openings:
        yield from _opening_signatures(files, scope_id, inputs, approvers)
    yield from _history(files, scope_id, inputs)


def _pins(node: Node, files: PayFiles, each: PlanOnRecord) -> Iterator[Finding]:
    """The prefixes that a plan names are those that the node holds."""
    plan = each.plan
    try:
        found = sha256_hex(node.bindings_prefix(plan.identities.size)[0])
        wanted = files.instructions_pin(plan.instructions.size).sha256
    except LedgerError as error:
        yield Finding(BALANCED, error.message, each.path, 1)
        return
    if found != plan.identities.sha256:
        yield Finding(
            BALANCED, "the bindings are not those that the plan pins", each.path, 1, plan.identities.sha256, found
        )
    if wanted != plan.instructions.sha256:
        yield Finding(
            BALANCED,
            "the instructions are not those that the plan pins",
            each.path,
            1,
            plan.instructions.sha256,
            wanted,
        )


def _plan_signatures(files: PayFiles, each: PlanOnRecord, approvers: ApproversAt) -> Iterator[Finding]:
    plan, seen = each.plan, set()
    path = each.path.replace("plan.json", "signatures.jsonl")
    for line in files.signatures(plan.scope_id, plan.distribution):
        yield from _signature(plan.signed_text, line, path, approvers)
        if line.plan_hash != plan.plan_hash:
            yield Finding("SIGNATURE_SCOPE_BOUND", "signs another plan", path, line.seq, plan.plan_hash, line.plan_hash)
        if line.signer_wallet in seen:
            yield Finding("APPROVERS_PER_SCOPE", "signer counted twice", path, line.seq)
        if line.signed_at < plan.at:
            yield Finding(BALANCED, "was signed before it was prepared", path, line.seq, plan.at, line.signed_at)
        seen.add(line.signer_wallet)


def _signature(text: str, line: object, path: str, approvers: ApproversAt) -> Iterator[Finding]:
    wallet, seq = str(getattr(line, "signer_wallet", "")), int(getattr(line, "seq", 0))
    try:
        signer = str(recover_signer(text, str(getattr(line, "signature", ""))))
    except SignatureError as error:
        signer = error.message
    if signer != wallet:
        yield Finding(
            "SIGNATURE_SCOPE_BOUND", "signature is not by its signer over this text", path, seq, wallet, signer
        )
    if wallet not in approvers(str(getattr(line, "signed_at", ""))).people:
        yield Finding("APPROVERS_PER_SCOPE", "signer is no approver of the scope", path, seq, None, wallet)


def _opening_signatures(
    files: PayFiles, scope_id: str, inputs: BookInputs, approvers: ApproversAt
) -> Iterator[Finding]:
    path = paylayout.opening_signatures_path(scope_id)
    text = files.opening_text(scope_id)
    wanted = files.opening_hash(scope_id)
    for line in files.opening_signatures(scope_id):
        yield from _signature(text, line, path, approvers)
        if line.opening_hash != wanted:
            yield Finding("SIGNATURE_SCOPE_BOUND", "signs other balances", path, line.seq, wanted, line.opening_hash)
    users = [line.user_id for line in inputs.openings]
    if len(users) != len(set(users)):
        yield Finding("BALANCE_CONSERVED", "a person opens twice", paylayout.opening_path(scope_id))


def _history(files: PayFiles, scope_id: str, inputs: BookInputs) -> Iterator[Finding]:
    """Opening balances that follow from an older system's history are what the history gives."""
    for system, source in files.sources(scope_id).items():
        hasher = hashlib.sha256()
        for data in files.history(scope_id, system):
            hasher.update(data)
        totals, path = total_of(files.history_lines(scope_id, system)), paylayout.source_path(scope_id, system)
        yield from source_findings(source, totals, hasher.hexdigest(), inputs.openings, path)


def instruction_findings(lines: Sequence[Instruction], bindings: Lines) -> Iterator[Finding]:
    """What speaks against the instructions log: numbers, and that each is its own person's word.

    Those that rest on a post are looked at where the events are (`flows.paying.posts`).
    """
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.user_id] = counts.get(line.user_id, 0) + 1
        if line.number != counts[line.user_id]:
            message = "is not this person's next instruction"
            yield Finding(
                APPEND_ONLY, message, paylayout.INSTRUCTIONS, line.seq, str(counts[line.user_id]), str(line.number)
            )
        signature = line.proof.get("signature")
        if signature is None:
            continue
        known = [binding for binding in bindings if binding.at <= line.at]
        try:
            signer = recover_signer(line.signed_text, str(signature))
        except SignatureError as error:
            yield Finding(BOUND, error.message, paylayout.INSTRUCTIONS, line.seq)
            continue
        if not wallet_of(known, signer, line.user_id):
            message = f"is signed by {signer}, which was no proved wallet of this person then"
            yield Finding(BOUND, message, paylayout.INSTRUCTIONS, line.seq)


def wallet_of(bindings: Lines, wallet: str, user_id: str) -> bool:
    """Whether a wallet is bound to a person and proved itself."""
    if resolve_accounts(bindings).get(("wallet", wallet)) != user_id:
        return False
    about = [line for line in bindings if (line.provider, line.external_id) == ("wallet", wallet)]
    return wallet_is_proved(about[-1], len(about) - 1)
