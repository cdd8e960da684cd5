"""What speaks against the distributions of a scope, and which settlement may follow which.

DISTRIBUTION_BALANCED, PAID_ONCE, DESTINATION_BOUND, SETTLEMENT_APPEND_ONLY and BALANCE_CONSERVED, each from the stored
record alone. `verify` reports what is found here; the commands refuse to write what would be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ledger.core.book import Book, conserved
from ledger.core.distribution import Plan, Settlement, is_abandoned
from ledger.core.errors import FormatError, SignatureError, StateError
from ledger.core.evaluate import Finding
from ledger.core.planning import BookInputs, PlanOnRecord
from ledger.core.signing import recover_signer

BALANCED = "DISTRIBUTION_BALANCED"
ONCE = "PAID_ONCE"
BOUND = "DESTINATION_BOUND"
APPEND_ONLY = "SETTLEMENT_APPEND_ONLY"
CONSERVED = "BALANCE_CONSERVED"


class Approvers(NamedTuple):
    """Who may sign at a moment: wallets with whose they are, and how many people it takes."""

    people: Mapping[str, str]
    threshold: int


ApproversAt = Callable[[str], Approvers]


def book_findings(inputs: BookInputs, book: Book, approvers: ApproversAt) -> Iterator[Finding]:
    """Everything that does not hold in the plans, their settlements and the balances of one scope."""
    here, came = conserved(inputs, book)
    if here != came:
        yield Finding(CONSERVED, "credits in the book", f"scopes/{inputs.scope_id}.yaml", None, str(came), str(here))
    numbers = [each.plan.distribution for each in inputs.plans]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Finding(BALANCED, "distributions are not numbered 1, 2, 3 …", f"data/distributions/{inputs.scope_id}")
    for one, two in pairwise(inputs.plans):
        began = max([one.plan.at, one.stands_at or "", *(entry.at for entry in one.settlements if entry.reason)])
        if two.plan.at < began:
            yield Finding(ONCE, "was prepared before the plan before it was done with", two.path, 1, began, two.plan.at)
    for expected in book.expected:
        yield from _plan_findings(expected.on_record, expected.plan, expected.error)
    for each in inputs.plans:
        yield from settlement_findings(each, approvers)


def _plan_findings(on_record: PlanOnRecord, wanted: Plan | None, error: Exception | None) -> Iterator[Finding]:
    plan, path = on_record.plan, on_record.path
    if wanted is None:
        yield Finding(BALANCED, f"cannot be computed again: {error}", path, 1)
        return
    if wanted.file_bytes() == plan.file_bytes():
        return
    due = {line.user_id: line for line in wanted.lines}
    for line in plan.lines:
        right = due.get(line.user_id)
        owed = right.amount_credits if right is not None else 0
        if line.amount_credits > owed:
            message = f"the line of {line.user_id} is more than was owed"
            yield Finding(ONCE, message, path, 1, str(owed), str(line.amount_credits))
        elif right is not None and line.destination != right.destination:
            message = f"the destination of {line.user_id} is not the one that is bound"
            yield Finding(BOUND, message, path, 1, right.destination, line.destination)
    yield Finding(BALANCED, "is not what the record before it gives", path, 1, wanted.plan_hash, plan.plan_hash)


def settlement_findings(each: PlanOnRecord, approvers: ApproversAt) -> Iterator[Finding]:
    """What speaks against the settlements of one plan."""
    path = each.path.replace("plan.json", "settlements.jsonl")
    before: list[Settlement] = []
    for entry in each.settlements:
        try:
            require_next(each, before, entry)
            if entry.state == "abandoned":
                _require_signed(each, entry, approvers(entry.at))
            elif entry.evidence.get("kind") == "recipient_ack":
                require_acknowledged(each.plan, entry)
        except (StateError, FormatError, SignatureError) as error:
            yield Finding(error.rule or APPEND_ONLY, error.message, path, entry.seq)
        before.append(entry)


def require_next(each: PlanOnRecord, before: Sequence[Settlement], entry: Settlement) -> None:
    """StateError unless `entry` may follow the settlements `before` it."""
    plan = each.plan
    if is_abandoned(before):
        raise StateError("the plan was abandoned before", rule=APPEND_ONLY, hint="Prepare a new one: distribute plan.")
    if before and entry.at < before[-1].at:
        raise StateError("lies before the settlement before it", rule=APPEND_ONLY, hint="Is the clock right?")
    if entry.state == "abandoned":
        flying = [line for line in plan.lines if _state(plan, before, line.reference) == "submitted"]
        if flying:
            raise StateError(
                f"{len(flying)} lines are submitted and may still arrive",
                rule=ONCE,
                hint="Settle them, or record first that they failed.",
            )
        return
    if each.stands_at is None or entry.at < each.stands_at:
        raise StateError(
            "the plan is not signed by enough approvers yet",
            rule=BALANCED,
            hint="Nothing can be paid before: ledger distribute sign.",
        )
    if entry.reference is not None and entry.reference not in plan.by_reference:
        raise StateError(f"distribution {plan.distribution} has no line {entry.reference}", rule=APPEND_ONLY)
    wanted = [entry.reference] if entry.reference is not None else list(plan.by_reference)
    states = [_state(plan, before, reference) for reference in wanted]
    if all(state == "settled" for state in states):
        what = f"line {entry.reference} is" if entry.reference is not None else "all lines are"
        raise StateError(f"{what} settled already", rule=ONCE, hint="A line is settled once; nothing is left to do.")
    key = entry.unique_key
    if key is not None and any(old.unique_key == key and old.reference != entry.reference for old in before):
        raise StateError(f"{' '.join(key)} settled another line before", rule=ONCE, hint="Give each line its own.")


def _state(plan: Plan, settlements: Sequence[Settlement], reference: str) -> str:
    state = "planned"
    for entry in settlements:
        if entry.state != "abandoned" and entry.reference in (None, reference) and state != "settled":
            state = entry.state
    return state


def _require_signed(each: PlanOnRecord, entry: Settlement, approvers: Approvers) -> None:
    """A plan that stood is given up by as many people as it takes to make one stand; a draft by anyone who decides."""
    if each.stands_at is None or entry.at < each.stands_at:
        return
    text = each.plan.abandoned_text(entry.reason or "")
    people = abandoning_people(text, entry.signatures or (), approvers)
    if len(people) < approvers.threshold:
        raise SignatureError(
            f"{len(people)} of {approvers.threshold} approvers signed that the plan is abandoned",
            rule="APPROVERS_PER_SCOPE",
            hint="`ledger distribute abandon --message` prints the text to sign.",
        )


def abandoning_people(text: str, signatures: Iterable[str], approvers: Approvers) -> set[str]:
    """The approvers who signed `text`; a signature by a stranger counts for nobody."""
    found = {approvers.people.get(recover_signer(text, signature)) for signature in signatures}
    return {person for person in found if person is not None}


def require_acknowledged(plan: Plan, entry: Settlement) -> str:
    """The wallet that acknowledged a line; SignatureError unless the signature is over exactly this line."""
    line = plan.by_reference.get(entry.reference or "")
    if line is None:
        raise SignatureError("an acknowledgement is over one line", rule=APPEND_ONLY)
    signer = recover_signer(plan.received_text(line), str(entry.evidence["signature"]))
    if signer != entry.evidence["wallet"]:
        raise SignatureError(f"the acknowledgement is by {signer}, not by {entry.evidence['wallet']}", rule=APPEND_ONLY)
    return signer


def repeated_evidence(plans: Iterable[PlanOnRecord]) -> Iterator[Finding]:
    """PAID_ONCE over the whole node: a log of a transaction, or a bank's reference, that settles two lines."""
    seen: dict[tuple[str, ...], tuple[str, str | None]] = {}
    for each in plans:
        path = each.path.replace("plan.json", "settlements.jsonl")
        for entry in each.settlements:
            key, here = entry.unique_key, (path, entry.reference)
            if key is None or entry.state == "failed":
                continue
            there = seen.setdefault(key, here)
            if there != here:
                yield Finding(ONCE, f"{' '.join(key)} settles a line of {there[0]} already", path, entry.seq)
