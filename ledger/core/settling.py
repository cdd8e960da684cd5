"""What speaks against the distributions of a scope, and which settlement may follow which.

DISTRIBUTION_BALANCED, PAID_ONCE, DESTINATION_BOUND, SETTLEMENT_APPEND_ONLY and BALANCE_CONSERVED, each from the stored
record alone. `verify` reports what is found here; the commands refuse to write what would be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ledger.core.approvers import Chain
from ledger.core.balances import OpeningSignature
from ledger.core.book import Book, conserved
from ledger.core.distribution import Plan, PlanSignature, Settlement, abandonment, line_states, standing_since
from ledger.core.errors import FormatError, SignatureError, StateError
from ledger.core.evaluate import Finding
from ledger.core.planning import BookInputs, PlanOnRecord
from ledger.core.signing import recover_signer
from ledger.core.values import Timestamp

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


def approvers_of(chain: Chain) -> ApproversAt:
    """The approvers at any time by the scope's chain of sets; nobody while no set counts."""

    def at(time: str) -> Approvers:
        found = chain.counted_at(Timestamp(time))
        if found is None:
            return Approvers({}, 1)
        return Approvers({wallet: one.id for one in found.approvers for wallet in one.wallets}, found.threshold)

    return at


def stands_at(plan: Plan, signatures: Sequence[PlanSignature], approvers: ApproversAt) -> str | None:
    """Since when a plan stands: the signature with which enough people of the set that counts then had signed."""
    for count in range(1, len(signatures) + 1):
        who = approvers(signatures[count - 1].signed_at)
        since = standing_since(plan, signatures[:count], who.people, who.threshold)
        if since is not None:
            return since
    return None


def openings_count_since(text: str, signatures: Sequence[OpeningSignature], approvers: ApproversAt) -> str | None:
    """Since when opening balances count: the signature over `text` that completed the threshold."""
    seen: set[str] = set()
    for line in signatures:
        who = approvers(line.signed_at)
        person = who.people.get(line.signer_wallet)
        if person is not None and recover_signer(text, line.signature) == line.signer_wallet:
            seen.add(person)
        if len(seen) >= who.threshold:
            return line.signed_at
    return None


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
        if one.stands_at is None and not abandonment(one.settlements):
            message = "does not say that the plan was given up, though nobody signed it and the next was prepared"
            yield Finding(APPEND_ONLY, message, _settlements_of(one))
    for expected in book.expected:
        yield from _plan_findings(expected.on_record, expected.plan, expected.error)
    for each in inputs.plans:
        yield from settlement_findings(each, approvers)


def _settlements_of(each: PlanOnRecord) -> str:
    return each.path.replace("plan.json", "settlements.jsonl")


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
    path, course = _settlements_of(each), Course(each.plan, each.stands_at)
    for entry in each.settlements:
        try:
            course.require(entry)
            if entry.state == "abandoned":
                _require_signed(each, entry, approvers(entry.at))
            elif entry.evidence.get("kind") == "recipient_ack":
                require_acknowledged(each.plan, entry)
        except (StateError, FormatError, SignatureError) as error:
            yield Finding(error.rule or APPEND_ONLY, error.message, path, entry.seq)
        course.add(entry)


class Course:
    """How far a plan's lines are, settlement by settlement, and what may follow (PAID_ONCE, SETTLEMENT_APPEND_ONLY)."""

    def __init__(self, plan: Plan, stands_at: str | None, settlements: Iterable[Settlement] = ()) -> None:
        self.plan, self.stands_at = plan, stands_at
        self.states: dict[str, str] = dict.fromkeys(plan.by_reference, "allocated")
        self.used: dict[tuple[str, ...], str | None] = {}
        self.last: Settlement | None = None
        for entry in settlements:
            self.add(entry)

    def add(self, entry: Settlement) -> None:
        """Take a settlement in; a settled line stays settled whatever follows."""
        self.last = entry
        if entry.state != "abandoned":
            for reference in self._lines(entry):
                if self.states[reference] != "settled":
                    self.states[reference] = entry.state
        if entry.unique_key is not None:
            self.used.setdefault(entry.unique_key, entry.reference)

    def _lines(self, entry: Settlement) -> list[str]:
        if entry.reference is None:
            return list(self.states)
        return [entry.reference] if entry.reference in self.states else []

    def require(self, entry: Settlement) -> None:
        """StateError unless `entry` may come next."""
        last = self.last
        if last is not None and last.state == "abandoned":
            raise StateError("the plan was abandoned before", rule=APPEND_ONLY, hint="Prepare a new one.")
        if last is not None and entry.at < last.at:
            raise StateError("lies before the settlement before it", rule=APPEND_ONLY, hint="Is the clock right?")
        if entry.state == "abandoned":
            if flying := sum(state == "submitted" for state in self.states.values()):
                raise StateError(
                    f"{flying} lines are submitted and may still arrive",
                    rule=ONCE,
                    hint="Settle them, or record first that they failed.",
                )
            return
        if self.stands_at is None or entry.at < self.stands_at:
            raise StateError(
                "the plan is not signed by enough approvers yet",
                rule=BALANCED,
                hint="Nothing can be paid before: ledger distribute sign.",
            )
        lines = self._lines(entry)
        if entry.reference is not None and not lines:
            message = f"distribution {self.plan.distribution} has no line {entry.reference}"
            raise StateError(message, rule=APPEND_ONLY, hint="`ledger distribute show` lists them.")
        if all(self.states[reference] == "settled" for reference in lines):
            what = f"line {entry.reference} is" if entry.reference is not None else "all lines are"
            raise StateError(
                f"{what} settled already", rule=ONCE, hint="A line is settled once; nothing is left to do."
            )
        key = entry.unique_key
        if key is not None and self.used.get(key, entry.reference) != entry.reference:
            raise StateError(f"{' '.join(key)} settled another line before", rule=ONCE, hint="Give each line its own.")


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
        path = _settlements_of(each)
        for entry in each.settlements:
            key, here = entry.unique_key, (path, entry.reference)
            if key is None or entry.state == "failed":
                continue
            there = seen.setdefault(key, here)
            if there != here:
                yield Finding(ONCE, f"{' '.join(key)} settles a line of {there[0]} already", path, entry.seq)


@dataclass(frozen=True, slots=True)
class PlanStatus:
    """Where a distribution stands. `lines`: how many are in which state; `open_minor`: not settled, in minor units."""

    distribution: int
    state: str
    stands_at: Timestamp | None
    lines: dict[str, int]
    open_minor: int
    plan: Plan


def status(found: PlanOnRecord) -> PlanStatus:
    """The state of a plan and its lines: draft, signed, submitted, settled, partly settled or abandoned."""
    lines = line_states(found.plan, found.settlements)
    states = [lines[ref].state if ref in lines else "allocated" for ref in found.plan.by_reference]
    counts = {state: states.count(state) for state in sorted(set(states))}
    if abandonment(found.settlements):
        state = "abandoned"
    elif found.stands_at is None:
        state = "draft"
    elif set(counts) == {"settled"}:
        state = "settled"
    elif "settled" in counts:
        state = "partly settled"
    else:
        state = "submitted" if "submitted" in counts else "failed" if set(counts) == {"failed"} else "signed"
    settled = {reference for reference, entry in lines.items() if entry.state == "settled"}
    still = sum(line.amount_minor for line in found.plan.lines if line.reference not in settled)
    since = Timestamp(found.stands_at) if found.stands_at else None
    return PlanStatus(found.plan.distribution, state, since, counts, still if state != "abandoned" else 0, found.plan)
