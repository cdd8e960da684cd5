"""Record what became of a plan's lines: by a transaction on a chain, a bank's statement, or by hand and marked so.

A transaction is believed only as far as a chain's node shows it: right chain, status, depth, and for each line one log
of exactly its amount to exactly its wallet. Without a node it is on record as submitted, never as settled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.rpc import Chain, ChainError, Transaction
from ledger.core.canonical import encode, sha256_hex
from ledger.core.distribution import Plan, PlanLine, Settlement, line_states
from ledger.core.errors import DifferenceError, InputError, StateError
from ledger.core.money import chain_of, currency_of, decimal_text, token_of
from ledger.core.planning import PlanOnRecord
from ledger.core.settling import Course, repeated_evidence, require_acknowledged
from ledger.core.signing import normalize_signature, recover_signer
from ledger.flows.paying.bank import BankLine, is_another, read_bank_file
from ledger.flows.paying.check import wallet_of
from ledger.flows.paying.elsewhere import no_longer_owed, paid_elsewhere
from ledger.flows.paying.plan import latest
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.files import write_lock
from ledger.store.moneybook import approvers_at, on_record
from ledger.store.paylayout import distribution_path
from ledger.store.payments import distributions_on_disk, on_disk

Entry = tuple[str | None, str, Mapping[str, Any]]
"""A settlement to be: reference (None: all lines), state, evidence."""
CONFIRMATIONS = 12
"""Blocks from a transaction's own to the newest that are asked for where the chain calls nothing final."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What this run wrote, and the lines that are still out with the reason that is known."""

    added: tuple[Settlement, ...]
    open: tuple[str, ...]


def by_hand(
    session: Session,
    scope_id: str,
    distribution: int | None,
    *,
    state: str,
    references: Sequence[str] = (),
    evidence: Mapping[str, Any],
) -> Settled:
    """Record a state of the lines named (none: all that are out) on somebody's word, with evidence marked as such.

    A line that failed is owed again and no longer out: it is named, or it stays as it is.
    """

    def entries(found: PlanOnRecord) -> list[Entry]:
        return [(reference, state, evidence) for reference in references] or _those_out(found, state, evidence)

    return _record(session, scope_id, distribution, entries)


def by_bank(session: Session, scope_id: str, distribution: int | None, data: bytes, name: str) -> Settled:
    """Settle the lines whose references a bank's file names with their exact amounts.

    Raises DifferenceError when an amount or a currency is another one; nothing is written then. What the file has of
    lines that are settled is no error: another payment is told, for somebody may have been paid twice.
    """
    digest = sha256_hex(data)

    def entries(found: PlanOnRecord) -> list[Entry]:
        plan = found.plan
        currency = currency_of(plan.asset)
        if currency is None:
            raise InputError("a bank's file settles currencies", hint="Settle tokens with --transaction.")
        wanted: dict[str, Entry] = {}
        paid: dict[str, str] = {}  # of each line what the bank calls the first payment in this file
        done = {reference: entry for reference, entry in _states(found).items() if entry.state == "settled"}
        for line in read_bank_file(data, name, plan.decimals, currency):
            mine = plan.by_reference.get(line.reference)
            if mine is None:
                continue  # of another distribution
            first = paid.get(line.reference)
            paid.setdefault(line.reference, line.bank_ref)
            if line.reference in wanted or line.reference in done:
                if is_another(done.get(line.reference), first, mine, line, currency):
                    amount = f"{decimal_text(line.amount_minor, plan.decimals)} {line.currency}"
                    session.tell(
                        f"{line.reference} is settled, and the bank paid {amount} too ({line.bank_ref}): see to it"
                    )
                continue
            _same_amount(plan, mine, line, currency)
            detail = {"date": line.day, "file_sha256": digest, "kind": "bank_ref", "ref": line.bank_ref}
            wanted[line.reference] = (line.reference, "settled", detail)
        return list(wanted.values())

    return _record(session, scope_id, distribution, entries)


def _same_amount(plan: Plan, mine: PlanLine, line: BankLine, currency: str) -> None:
    if (line.amount_minor, line.currency) != (mine.amount_minor, currency):
        raise DifferenceError(
            f"line {line.reference}: the bank paid {decimal_text(line.amount_minor, plan.decimals)} {line.currency}, "
            f"the plan says {decimal_text(mine.amount_minor, plan.decimals)} {currency}",
            rule="PAID_ONCE",
            hint="Record what happened by hand (`ledger settle --line … --note …`), then give this file again.",
        )


def by_transaction(
    session: Session,
    scope_id: str,
    distribution: int | None,
    tx_hash: str,
    chain: Chain | None,
    confirmations: int | None = None,
) -> Settled:
    """Settle every line that one transaction pays, each by a log of its own; a reverted one makes its lines fail.

    Without a chain's node the lines are on record as submitted. Raises StateError while the transaction is not mined or
    not deep enough, DifferenceError when it pays none of the lines; nothing is written then.
    """
    if re.fullmatch(r"0x[0-9a-fA-F]{64}", tx_hash, re.ASCII) is None:
        raise InputError(f"{tx_hash[:80]!r} is no transaction", hint="0x and 64 hex digits.")
    tx_hash = tx_hash.lower()

    def entries(found: PlanOnRecord) -> list[Entry]:
        plan = found.plan
        if chain_of(plan.asset) is None:
            raise InputError("a transaction settles tokens", hint="Settle currencies with --bank, or by hand.")
        if chain is None:
            note = f"transaction {tx_hash}, not checked: no LEDGER_RPC_URL"
            return _those_out(found, "submitted", {"kind": "hand", "note": note, "transaction": tx_hash})
        return _checked(found, tx_hash, chain, confirmations)

    return _record(session, scope_id, distribution, entries)


def _checked(found: PlanOnRecord, tx_hash: str, chain: Chain, confirmations: int | None) -> list[Entry]:
    plan = found.plan
    number = chain_of(plan.asset)
    if (told := chain.chain_id()) != number:
        raise ChainError(f"LEDGER_RPC_URL is a node of chain {told}, the plan pays on chain {number}")
    mined = chain.transaction(tx_hash)
    if mined is None:
        raise StateError(
            f"transaction {tx_hash} is in no block of the chain now",
            hint="Wait until it is mined, and run this again; after a reorganisation it may be sent anew.",
        )
    if mined.confirmations < (CONFIRMATIONS if confirmations is None else confirmations) and not mined.finalized:
        raise StateError(
            f"the transaction is {mined.confirmations} blocks deep and not final",
            hint="Run this again later, or say how deep is deep enough with --confirmations.",
        )
    facts = {
        "block_hash": mined.block_hash,
        "block_number": mined.block_number,
        "chain_id": number,
        "checked": "rpc",
        "confirmations": mined.confirmations,
        "final": mined.finalized,
        "kind": "evm_log",
        "transaction": mined.hash,
    }
    open_lines = [line for line in plan.lines if line.reference not in _settled(found)]
    if not mined.succeeded:
        flying = [
            reference
            for reference, entry in line_states(plan, found.settlements).items()
            if entry.state == "submitted" and entry.evidence.get("transaction") == mined.hash
        ]
        if not flying:
            raise DifferenceError(
                f"transaction {tx_hash} was reverted: it paid nobody",
                rule="PAID_ONCE",
                hint="Nothing was written. Send it again, and settle with the new transaction.",
            )
        return [(reference, "failed", {**facts, "note": "reverted"}) for reference in flying]
    used = _used(found, mined)
    matched = _match(plan, open_lines, mined, used)
    if not matched and not used:
        raise DifferenceError(
            f"transaction {tx_hash} pays no open line of distribution {plan.distribution} to its wallet in full",
            rule="PAID_ONCE",
            hint="A chain's own coin leaves no log when a contract sends it: settle that by hand, with a note."
            if token_of(plan.asset) is None
            else "Is it the right transaction, and the right distribution?",
        )
    return [(line.reference, "settled", {**facts, "log_index": log}) for line, log in matched]


def _used(found: PlanOnRecord, mined: Transaction) -> set[int]:
    """The transaction's logs that settled lines before."""
    return {
        int(str(entry.evidence["log_index"]))
        for entry in found.settlements
        if entry.evidence.get("kind") == "evm_log" and entry.evidence.get("transaction") == mined.hash
    }


def _match(plan: Plan, lines: Sequence[PlanLine], mined: Transaction, used: set[int]) -> list[tuple[PlanLine, int]]:
    """Each line with the log that pays exactly it; -1 stands for a plain transfer of a chain's own coin."""
    token = token_of(plan.asset)
    if token is None:
        direct = [line for line in lines if (line.destination, line.amount_minor) == (mined.to, mined.value)]
        return [(line, -1) for line in direct[:1] if -1 not in used]
    logs: dict[tuple[str, int], list[int]] = {}
    for log in mined.transfers:
        if log.token == token and log.log_index not in used:
            logs.setdefault((log.receiver, log.amount), []).append(log.log_index)
    matched = []
    for line in lines:
        free = logs.get((line.destination, line.amount_minor))
        if free:
            matched.append((line, free.pop(0)))
    return matched


def acknowledge(session: Session, scope_id: str, distribution: int | None, reference: str, signature: str) -> Settled:
    """Settle a line by its own person's word: a proved wallet of his signed that the amount arrived.

    InputError for a line that is not there, or a signature by another wallet.
    """

    def entries(found: PlanOnRecord) -> list[Entry]:
        line = found.plan.by_reference.get(reference)
        if line is None:
            raise InputError(f"distribution {found.plan.distribution} has no line {reference}")
        normal = normalize_signature(signature)
        wallet = recover_signer(found.plan.received_text(line), normal)
        if not wallet_of(session.node.bindings(), wallet, line.user_id):
            raise InputError(
                f"the signature is by {wallet}, which is no proved wallet of user {line.user_id}",
                rule="DESTINATION_BOUND",
                hint="Sign exactly the text of `ledger settle --acknowledge LINE --message`.",
            )
        return [(reference, "settled", {"kind": "recipient_ack", "signature": normal, "wallet": wallet})]

    return _record(session, scope_id, distribution, entries)


def _those_out(found: PlanOnRecord, state: str, evidence: Mapping[str, Any]) -> list[Entry]:
    """What is said of all lines that are out: in one entry or, where others failed, in one for each.

    StateError where that would take a failed line for one that is out, or one reference for several lines.
    """
    states, plan = line_states(found.plan, found.settlements), found.plan
    failed = [reference for reference, entry in states.items() if entry.state == "failed"]
    said_before = any(
        (entry.reference, entry.state, dict(entry.evidence)) == (None, state, dict(evidence))
        for entry in found.settlements
    )
    if not failed or said_before:
        return [(None, state, evidence)]
    out = [ref for ref in plan.by_reference if ref not in states or states[ref].state == "submitted"]
    if not out or evidence.get("kind") != "hand":
        raise StateError(
            f"{len(failed)} lines failed and are owed again, among them {failed[0]}",
            path=found.path,
            rule="PAID_ONCE",
            hint="Say which lines this is about, each with --line (by --ref each with a reference of its own).",
        )
    return [(reference, state, evidence) for reference in out]


def _states(found: PlanOnRecord) -> dict[str, Settlement]:
    return line_states(found.plan, found.settlements)


def _settled(found: PlanOnRecord) -> set[str]:
    return {reference for reference, entry in _states(found).items() if entry.state == "settled"}


def _record(
    session: Session, scope_id: str, distribution: int | None, entries: Callable[[PlanOnRecord], list[Entry]]
) -> Settled:
    """Write what `entries` gives for the plan, each after the rules of settlements, all in one act."""
    node = session.node
    actor = session.decider(node.scope(scope_id))
    with write_lock(node.root):
        found = latest(session, scope_id, distribution)
        _require_place(session, scope_id, found)
        course = Course(found.plan, found.stands_at, found.settlements)
        elsewhere, gone = paid_elsewhere(session, scope_id, found), no_longer_owed(session, scope_id, found)
        said = {_said(entry) for entry in found.settlements}
        before, added = list(found.settlements), []
        for reference, state, evidence in entries(found):
            record = Settlement.read(
                {
                    "actor": actor,
                    "at": session.now,
                    "distribution": found.plan.distribution,
                    "evidence": dict(evidence),
                    "node_id": node.node_id,
                    "reference": reference,
                    "scope_id": scope_id,
                    "seq": len(before) + 1,
                    "state": state,
                }
            )
            if _said(record) in said:
                continue
            course.require(record)
            if record.evidence.get("kind") == "recipient_ack":
                require_acknowledged(found.plan, record)
            course.add(record)
            if record.reference in elsewhere and state != "failed":
                number = elsewhere[record.reference]
                session.tell(f"{record.reference} is paid by distribution {number} too: see that one of them is not")
            elif record.reference in gone and state != "failed":
                session.tell(f"{record.reference} was no longer owed: its credits were given away or taken back since")
            before.append(record)
            added.append(record)
        _require_unused(session, found, before)
        append_records(node.root, f"{distribution_path(scope_id, found.plan.distribution)}/settlements.jsonl", added)
    done = _settled(PlanOnRecord(found.plan, found.path, found.stands_at, tuple(before)))
    return Settled(tuple(added), tuple(ref for ref in found.plan.by_reference if ref not in done))


def _said(entry: Settlement) -> bytes:
    """What a settlement says, so that a second run adds nothing; depth and time of looking may have changed since."""
    seen = {name: value for name, value in entry.evidence.items() if name not in ("confirmations", "final")}
    return encode({"evidence": seen, "reference": entry.reference, "state": entry.state})


def _require_place(session: Session, scope_id: str, found: PlanOnRecord) -> None:
    """A change of an earlier plan lies after everything that later ones reckoned with."""
    node = session.node
    files, approvers = on_disk(node.root, node.node_id), approvers_at(node, scope_id)
    for number in distributions_on_disk(node.root, scope_id):
        later = on_record(files, scope_id, number, approvers) if number > found.plan.distribution else None
        if later is not None and later.plan.at >= session.now:
            raise StateError(
                f"distribution {number} was prepared at {later.plan.at}, not before now",
                path=later.path,
                hint="Is the clock right, or --now too early?",
            )


def _require_unused(session: Session, found: PlanOnRecord, entries: Sequence[Settlement]) -> None:
    """PAID_ONCE over the whole node: nothing that settled a line anywhere settles another."""
    node, everyone = session.node, [PlanOnRecord(found.plan, found.path, found.stands_at, tuple(entries))]
    files = on_disk(node.root, node.node_id)
    for scope_id in node.scopes:
        for number in distributions_on_disk(node.root, scope_id):
            if (scope_id, number) != (found.plan.scope_id, found.plan.distribution):
                everyone.append(on_record(files, scope_id, number, approvers_at(node, scope_id)))
    for finding in repeated_evidence(everyone):
        raise DifferenceError(finding.message, rule=finding.rule, path=finding.path, line=finding.line)
