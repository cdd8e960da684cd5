"""The log of receipts folded, and the rules that each act must keep: the same at the door, in `guard` and in `verify`.

RECEIPT_SIGNED, SIGNATURE_DOMAIN_BOUND, ISSUER_AUTHORIZED, IDEMPOTENT_RECEIPTS, LATEST_EVENT_WINS and
RECEIPT_ROLE_BUDGET. Who may act is told by the scope's chain of approver sets, never by a settings file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ledger.core.approvers import Chain
from ledger.core.errors import SignatureError
from ledger.core.evaluate import Finding
from ledger.core.receipts import Decision, Receipt, ReceiptAct, decision_text, receipt_text
from ledger.core.records.approvers import ApproverSet, IssuerRights
from ledger.core.records.decisions import Binding
from ledger.core.signing import recover_signer
from ledger.core.values import EventId, Hash, Timestamp

SIGNED = "RECEIPT_SIGNED"
BOUND = "SIGNATURE_DOMAIN_BOUND"
AUTHORIZED = "ISSUER_AUTHORIZED"
IDEMPOTENT = "IDEMPOTENT_RECEIPTS"
LATEST = "LATEST_EVENT_WINS"
BUDGET = "RECEIPT_ROLE_BUDGET"
RULES = (SIGNED, AUTHORIZED, IDEMPOTENT, LATEST, BUDGET, BOUND)

BEFORE_ALL = Timestamp("")
Status = Literal["proposed", "approved", "revoked"]


def in_force(chain: Chain, seq: int, at: Timestamp) -> ApproverSet | None:
    """The set of this number, if it is the last one that counts at `at`; what happens in a millisecond has no order."""
    if not 1 <= seq <= len(chain.sets):
        return None
    since = chain.since[seq - 1]
    overtaken = any(later is not None and later < at for later in chain.since[seq:])
    return chain.sets[seq - 1] if since is not None and since <= at and not overtaken else None


def issuer_of(rights: ApproverSet, wallet: str) -> IssuerRights | None:
    """The issuer who holds `wallet`."""
    return next((person for person in rights.issuers if wallet in person.wallets), None)


@dataclass(slots=True)
class ReceiptState:
    """One receipt with its acts, oldest first; the latest decides (LATEST_EVENT_WINS)."""

    receipt: Receipt
    receipt_hash: Hash
    acts: list[ReceiptAct]

    @property
    def status(self) -> Status:
        """Where it stands: issued and not decided is proposed."""
        last = self.acts[-1].act
        return "proposed" if last == "issued" else last

    @property
    def stands(self) -> bool:
        """Whether its points are taken: unless it is revoked."""
        return self.acts[-1].act != "revoked"

    @property
    def event_id(self) -> EventId:
        """The id of the event that it becomes."""
        return self.receipt.event_id


@dataclass(frozen=True, slots=True)
class Problem:
    """What speaks against an act: the rule, in words, what was expected and what is there."""

    rule: str
    message: str
    expected: str | None = None
    actual: str | None = None


@dataclass
class Wallets:
    """Which wallets belonged to a user at a time, by the bindings log as it stood then."""

    bindings: Iterable[Binding] = ()
    _lines: dict[str, list[Binding]] = field(init=False, default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for line in self.bindings:
            if line.provider == "wallet":
                self._lines[line.external_id].append(line)

    def owner(self, wallet: str, at: Timestamp) -> str | None:
        """Whose a wallet was at a time; None for nobody's."""
        before = [line for line in self._lines.get(wallet, ()) if line.at <= at]
        return before[-1].user_id if before and before[-1].action == "bind" else None


@dataclass
class ReceiptBook:
    """The log up to some line, as what stands by then. `add` takes a line that the rules let pass."""

    node_id: str
    states: dict[Hash, ReceiptState] = field(default_factory=dict)
    length: int = 0
    last_at: Timestamp = BEFORE_ALL
    _standing: dict[str, Hash] = field(default_factory=dict)
    _taken: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _items: dict[str, dict[Hash, int]] = field(default_factory=lambda: defaultdict(dict))

    def standing(self, key: str) -> ReceiptState | None:
        """The receipt that stands under a key."""
        found = self._standing.get(key)
        return self.states[found] if found is not None else None

    def left(self, work_item_id: str, role: str, work_points: int) -> int:
        """How many of an item's points nobody has yet in a role."""
        return work_points - self._taken.get((work_item_id, role), 0)

    def points_of(self, work_item_id: str) -> int | None:
        """The points of a work item, as its standing receipts say; None where none stands."""
        return next(iter(self._items.get(work_item_id, {}).values()), None)

    def add(self, act: ReceiptAct) -> None:
        """Take a line in; a decision about a receipt that is not there changes nothing."""
        self.length += 1
        self.last_at = max(self.last_at, act.at)
        state = self.states.get(act.receipt_hash)
        if act.receipt is not None:
            if state is None:
                self.states[act.receipt_hash] = state = ReceiptState(act.receipt, act.receipt_hash, [act])
                self._take(state)
        elif state is not None:
            stood = state.stands
            state.acts.append(act)
            if stood and not state.stands:
                self._give_back(state)
            elif state.stands and not stood:
                self._take(state)

    def _take(self, state: ReceiptState) -> None:
        receipt = state.receipt
        self._standing[receipt.key] = state.receipt_hash
        self._taken[receipt.work_item_id, receipt.role] += receipt.estimate
        self._items[receipt.work_item_id][state.receipt_hash] = receipt.work_points

    def _give_back(self, state: ReceiptState) -> None:
        receipt = state.receipt
        if self._standing.get(receipt.key) == state.receipt_hash:
            del self._standing[receipt.key]
        self._taken[receipt.work_item_id, receipt.role] -= receipt.estimate
        self._items[receipt.work_item_id].pop(state.receipt_hash, None)

    def text_of(self, act: ReceiptAct) -> str | None:
        """What the act's signature must be over; None for a decision about a receipt that is not there."""
        if act.receipt is not None:
            return receipt_text(self.node_id, act.receipt)
        state = self.states.get(act.receipt_hash)
        return _decision_text(self.node_id, state.receipt.scope_id, act) if state is not None else None

    def problem(
        self,
        act: ReceiptAct,
        chains: Mapping[str, Chain],
        wallets: Wallets,
        *,
        check_signature: bool = True,
    ) -> Problem | None:
        """The first thing that speaks against `act` as the next line of the log; None for one that may follow.

        `chains`: the approver sets by scope. `check_signature`: False where it was recovered before.
        """
        found = self.problem_unsigned(act, chains, room=False)
        if found is not None:
            return found
        state, text = self.states.get(act.receipt_hash), self.text_of(act)
        receipt = act.receipt or (state.receipt if state else None)
        if text is None or receipt is None:
            return _unknown(act)
        return (
            (_signature(act, text) if check_signature else None)
            or _rights(act, receipt, state, chains[receipt.scope_id], wallets)
            or self._room(act, receipt, state)
        )

    def problem_unsigned(self, act: ReceiptAct, chains: Mapping[str, Chain], *, room: bool = True) -> Problem | None:
        """What speaks against an act whoever signs it: place, order, and `room` under its key and in its budget."""
        state = self.states.get(act.receipt_hash)
        receipt = act.receipt or (state.receipt if state else None)
        if receipt is None:
            return _unknown(act)
        if act.node_id != self.node_id or receipt.scope_id not in chains:
            message = "is signed for another node or scope"
            return Problem(BOUND, message, self.node_id, f"{act.node_id}/{receipt.scope_id}")
        return self._order(act, state) or (self._room(act, receipt, state) if room else None)

    def _order(self, act: ReceiptAct, state: ReceiptState | None) -> Problem | None:
        """Times run on, and acts on a receipt are numbered without a gap."""
        if act.at < self.last_at:
            return Problem(LATEST, "lies before the act before it", f"at least {self.last_at}", act.at)
        if act.receipt is not None:
            if act.receipt.issued_at > act.at:
                return Problem(LATEST, "was recorded before it was issued", act.receipt.issued_at, act.at)
            return (
                None
                if state is None
                else Problem(IDEMPOTENT, "this very receipt is in the log", None, act.receipt_hash)
            )
        wanted = len(state.acts) if state is not None else 0
        if act.number != wanted:
            message = "is no new act on this receipt: acts are numbered 1, 2, 3 …"
            return Problem(LATEST, message, str(wanted), str(act.number))
        return None

    def _room(self, act: ReceiptAct, receipt: Receipt, state: ReceiptState | None) -> Problem | None:
        """What begins to stand is alone under its key, agrees on the item's points and fits into the role's budget."""
        if act.act == "revoked" or (state is not None and state.stands):
            return None
        other = self.standing(receipt.key)
        if other is not None:
            message = f"another receipt stands under {receipt.key}; it must be revoked first"
            return Problem(IDEMPOTENT, message, "none", other.receipt_hash)
        points = self.points_of(receipt.work_item_id)
        if points is not None and points != receipt.work_points:
            message = f"the other receipts of {receipt.work_item_id} say {points} points for the whole item"
            return Problem(BUDGET, message, str(points), str(receipt.work_points))
        left = self.left(receipt.work_item_id, receipt.role, receipt.work_points)
        if receipt.estimate > left:
            message = f"{receipt.work_item_id} has {left} of {receipt.work_points} points left for role {receipt.role}"
            return Problem(BUDGET, message, f"at most {left}", str(receipt.estimate))
        return None


def _unknown(act: ReceiptAct) -> Problem:
    return Problem(LATEST, "decides about a receipt that is not in the log", None, act.receipt_hash)


def _rights(
    act: ReceiptAct, receipt: Receipt, state: ReceiptState | None, chain: Chain, wallets: Wallets
) -> Problem | None:
    """The signer had the right by the set that counted then; nobody approves what he issued, or what is his."""
    rights = in_force(chain, act.approvers_seq, act.at)
    if rights is None:
        now = chain.counted_at(act.at)
        wanted = f"set {now.seq}" if now else "no set counts yet"
        message = "names an approver set that was not the one that counted then"
        return Problem(AUTHORIZED, message, wanted, f"set {act.approvers_seq}")
    person = issuer_of(rights, act.signer_wallet)
    if person is None or not (person.can_issue if act.act == "issued" else person.can_approve):
        what = "issue receipts" if act.act == "issued" else "approve or revoke receipts"
        message = f"is by someone who may not {what} in scope {receipt.scope_id}"
        return Problem(AUTHORIZED, message, None, person.id if person else act.signer_wallet)
    if act.act != "approved" or rights.self_approve or state is None:
        return None
    first = state.acts[0]
    before = in_force(chain, first.approvers_seq, first.at)
    issuer = issuer_of(before, first.signer_wallet) if before is not None else None
    same = first.signer_wallet in person.wallets or act.signer_wallet in (issuer.wallets if issuer else ())
    if same or (issuer is not None and issuer.id == person.id):
        return Problem(AUTHORIZED, "approves a receipt that the same person issued", "another person", person.id)
    if any(wallets.owner(wallet, act.at) == receipt.user_id for wallet in person.wallets):
        return Problem(AUTHORIZED, "approves a receipt about the same person", "another person", person.id)
    return None


def _signature(act: ReceiptAct, text: str) -> Problem | None:
    try:
        signer = str(recover_signer(text, act.signature))
    except SignatureError as error:
        signer = error.message
    if signer != act.signer_wallet:
        return Problem(SIGNED, "is not signed by its signer over this text", act.signer_wallet, signer)
    return None


def signed_texts(node_id: str, acts: Iterable[ReceiptAct]) -> Iterator[tuple[str, str]]:
    """What each act's signature must be over, and the signature; nothing for a decision about no receipt."""
    scopes: dict[str, str] = {}
    for act in acts:
        if act.receipt is not None:
            scopes.setdefault(act.receipt_hash, act.receipt.scope_id)
            yield receipt_text(node_id, act.receipt), act.signature
        elif (scope_id := scopes.get(act.receipt_hash)) is not None:
            yield _decision_text(node_id, scope_id, act), act.signature


def _decision_text(node_id: str, scope_id: str, act: ReceiptAct) -> str:
    decision: Decision = "approved" if act.act == "approved" else "revoked"
    return decision_text(node_id, scope_id, act.receipt_hash, decision, act.number, act.reason)


@dataclass(frozen=True, slots=True)
class Folded:
    """The log as it stands after a number of lines, and what speaks against those lines."""

    book: ReceiptBook
    findings: tuple[Finding, ...]


def fold(
    node_id: str,
    acts: Iterable[ReceiptAct],
    chains: Mapping[str, Chain],
    wallets: Wallets,
    *,
    path: str = "",
    signatures_from: int = 1,
    each: Callable[[ReceiptBook, int], None] = lambda _book, _line: None,
) -> Folded:
    """Every line held to the rules, then taken in whether or not it keeps them: what follows is judged all the same.

    `signatures_from`: the first line whose signature is recovered. `each` sees the book after each line.
    """
    book, findings = ReceiptBook(node_id), []
    for line, act in enumerate(acts, start=1):
        found = book.problem(act, chains, wallets, check_signature=line >= signatures_from)
        if found is not None:
            findings.append(Finding(found.rule, found.message, path, line, found.expected, found.actual))
        book.add(act)
        each(book, line)
    return Folded(book, tuple(findings))
