"""Who signs for a scope: a chain of approver sets, each signed by the one before it (APPROVERS_CHAINED).

The scope's file proposes a set, the signatures decide whether it counts. A fold over the two logs in file order: what
counts, since when, and which set an epoch may pin. People are counted, never wallets. Knows records, not files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from ledger.core import canonical
from ledger.core.config import PersonId, ScopeSettings
from ledger.core.errors import SignatureError
from ledger.core.evaluate import Finding
from ledger.core.records.record import Record
from ledger.core.signing import recover_signer
from ledger.core.values import SIGNATURE_PATTERN, Hash, Number, Reason, Scope, Sha256, Text, Time, Timestamp, Wallet

RULE = "APPROVERS_CHAINED"
Wallets = Annotated[tuple[Wallet, ...], Field(min_length=1)]


def _tuples(value: Any) -> Any:
    """Lists of decoded JSON as tuples, which strict models ask for."""
    if isinstance(value, Mapping):
        return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
    return value


class Member(BaseModel):
    """One person of a set with all wallets that are his: they count once together."""

    model_config = Record.model_config

    id: PersonId
    wallets: Wallets

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _tuples(value)

    @model_validator(mode="after")
    def _sorted(self) -> Self:
        if self.wallets != tuple(sorted(set(self.wallets))):
            raise ValueError(f"wallets of {self.id} are not sorted and unique")
        return self


class IssuerRights(Member):
    """Who may vouch for work that no platform records, and what else that person may do."""

    can_approve: bool
    can_close_epoch: bool
    can_issue: bool


class ApproverSet(Record):
    """One line of `data/approvers/<scope_id>.jsonl`: who signs from the moment on at which this set counts.

    `previous` is the SHA-256 of the line before without its line end; null begins a root. `threshold` counts people.
    """

    approvers: Annotated[tuple[Member, ...], Field(min_length=1)]
    at: Time
    covers: bool
    issuers: tuple[IssuerRights, ...]
    previous: Sha256 | None
    reason: Reason
    scope_id: Scope
    self_approve: bool
    seq: Number
    threshold: Number

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _tuples(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        holders: dict[str, str] = {}
        for name, people in (("approvers", self.approvers), ("issuers", self.issuers)):
            ids = [person.id for person in people]
            if ids != sorted(set(ids)):
                raise ValueError(f"{name} are not sorted by id and unique")
            for person in people:
                for wallet in person.wallets:
                    if holders.setdefault(wallet, person.id) != person.id:
                        raise ValueError(f"wallet {wallet} stands under {holders[wallet]} and under {person.id}")
        if self.threshold > len(self.approvers):
            raise ValueError(f"threshold {self.threshold} is larger than the {len(self.approvers)} approvers")
        return self

    @property
    def set_hash(self) -> Hash:
        """`approver_set_hash`: SHA-256 of the people and their rights in canonical form."""
        return approver_set_hash(self.approvers, self.issuers, covers=self.covers, self_approve=self.self_approve)

    @property
    def line_hash(self) -> Hash:
        """SHA-256 of the line without its line end: what the next line names, and a root's hash."""
        return Hash(canonical.sha256_hex(self.encode()))

    def person_of(self, wallet: str) -> str | None:
        """The approver who holds `wallet` in this set."""
        return holder(self.approvers, wallet)


class ApproverSignature(Record):
    """One line of `data/approvers/<scope_id>.signatures.jsonl`: the signer is recovered, never claimed."""

    approvers_seq: Number
    evidence: Text
    scope_id: Scope
    seq: Number
    signature: Annotated[str, Field(pattern=SIGNATURE_PATTERN)]
    signed_at: Time
    signer_wallet: Wallet


def approver_set_hash(
    approvers: Sequence[Member],
    issuers: Sequence[IssuerRights] = (),
    *,
    covers: bool = False,
    self_approve: bool = False,
) -> Hash:
    """SHA-256 of the canonical `{"approvers","covers","issuers","self_approve"}`."""
    value = {
        "approvers": [person.model_dump() for person in approvers],
        "covers": covers,
        "issuers": [person.model_dump() for person in issuers],
        "self_approve": self_approve,
    }
    return Hash(canonical.sha256_hex(canonical.encode(value)))


def holder(people: Sequence[Member], wallet: str) -> str | None:
    """The id of the person who holds `wallet`."""
    return next((person.id for person in people if wallet in person.wallets), None)


def set_text(line: ApproverSet) -> str:
    """The exact text that is signed (EIP-191): seven lines, no line end after the last."""
    return "\n".join(
        (
            "Ledger Approver Set",
            f"Node: {line.node_id}",
            f"Scope: {line.scope_id}",
            f"Version: {line.seq}",
            f"Threshold: {line.threshold}",
            f"Set Hash: {line.set_hash}",
            f"Previous: {line.previous or 'none'}",
        )
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a set is. `by`: people of the set that decides who signed; `unproved`: ids whose new wallet has not."""

    by: tuple[str, ...]
    threshold: int
    unproved: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether the set counts with these signatures."""
        return len(self.by) >= self.threshold and not self.unproved


@dataclass(frozen=True, slots=True)
class Chain:
    """The sets of a scope and since when each counts (None: it does not). `findings` speak against the files."""

    sets: tuple[ApproverSet, ...] = ()
    since: tuple[Timestamp | None, ...] = ()
    signers: Mapping[int, frozenset[str]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def current(self) -> ApproverSet | None:
        """The last set that counts."""
        return next((line for line in reversed(self.sets) if self.since[line.seq - 1] is not None), None)

    @property
    def counting(self) -> tuple[ApproverSet, ...]:
        """All sets that came to count, in the order in which they did, which is that of their numbers."""
        return tuple(line for line, since in zip(self.sets, self.since, strict=True) if since is not None)

    @property
    def root(self) -> Hash | None:
        """The hash of the last counting line whose `previous` is null: what outsiders keep."""
        return next((line.line_hash for line in reversed(self.counting) if line.previous is None), None)

    @property
    def waiting(self) -> ApproverSet | None:
        """The last line, while it does not count."""
        last = self.sets[-1] if self.sets else None
        return last if last is not None and self.since[-1] is None else None

    @property
    def new_roots(self) -> tuple[ApproverSet, ...]:
        """Lines that begin anew although a set counted before them: told every time."""
        first = next((line.seq for line in self.counting), None)
        return tuple(line for line in self.sets if line.previous is None and first is not None and line.seq > first)

    def get(self, seq: int) -> ApproverSet | None:
        """The set of this number."""
        return self.sets[seq - 1] if 1 <= seq <= len(self.sets) else None

    def counts(self, seq: int) -> bool:
        """Whether the set of this number counts."""
        return 1 <= seq <= len(self.sets) and self.since[seq - 1] is not None

    def to_pin(self) -> ApproverSet | None:
        """What a step to review pins now: the last set that counts, else the last line that begins a root."""
        return self.current or next((line for line in reversed(self.sets) if line.previous is None), None)

    def may_pin(self, seq: int, at: Timestamp) -> bool:
        """Whether a step to review at `at` may have pinned this set; what happens in one millisecond has no order."""
        line = self.get(seq)
        if line is None or line.at > at:
            return False
        later = (since for since in self.since[seq:] if since is not None)
        if any(since < at for since in later):
            return False
        since = self.since[seq - 1]
        if since is not None and since <= at:
            return True
        earlier = any(since is not None and since < at for since in self.since[: seq - 1])
        roots = any(other.previous is None and other.at < at for other in self.sets[seq:])
        return line.previous is None and not earlier and not roots

    def counted_at(self, at: Timestamp) -> ApproverSet | None:
        """The last set that counts at a time."""
        pairs = zip(reversed(self.sets), reversed(self.since), strict=True)
        return next((line for line, since in pairs if since is not None and since <= at), None)

    def authority(self, line: ApproverSet) -> ApproverSet | None:
        """Whose threshold decides about `line`: its own for a root, else the last set that counts before it."""
        if line.previous is None:
            return line
        return next((one for one in reversed(self.counting) if one.seq < line.seq), None)

    def progress(self, line: ApproverSet) -> Progress:
        """How far the signatures over `line` are."""
        return _progress(line, self.authority(line), self.signers.get(line.seq, frozenset()))

    def may_sign(self, line: ApproverSet, wallet: str) -> str | None:
        """The person whose signature by `wallet` bears on `line`, if it does."""
        deciding = self.authority(line)
        return line.person_of(wallet) or (deciding.person_of(wallet) if deciding else None)


def _progress(line: ApproverSet, deciding: ApproverSet | None, wallets: frozenset[str]) -> Progress:
    if deciding is None:
        return Progress((), line.threshold, tuple(person.id for person in line.approvers))
    by = {person for wallet in wallets if (person := deciding.person_of(wallet)) is not None}
    before = {} if deciding is line else {person.id: person.wallets for person in deciding.approvers}
    unproved = () if deciding is line else tuple(_unproved(line, before, wallets))
    return Progress(tuple(sorted(by)), deciding.threshold, unproved)


def _unproved(line: ApproverSet, before: Mapping[str, tuple[str, ...]], wallets: frozenset[str]) -> Iterator[str]:
    """Who is new and signed with no wallet of his, or has a new wallet that did not sign: a mistyped one locks out."""
    for person in line.approvers:
        if person.id not in before:
            if not wallets.intersection(person.wallets):
                yield person.id
        elif not set(person.wallets) - set(before[person.id]) <= wallets:
            yield person.id


def build_chain(
    sets: Sequence[ApproverSet], signatures: Sequence[ApproverSignature], paths: tuple[str, str] = ("", "")
) -> Chain:
    """The chain of a scope. `paths`: where the two logs lie, for findings.

    Signatures are taken in the order of the file. A set that a later one has overtaken can no longer come to count.
    """
    findings = list(_line_findings(sets, paths[0]))
    broken = {finding.line for finding in findings}
    since: list[Timestamp | None] = [None] * len(sets)
    signers: dict[int, set[str]] = {}
    current = 0
    last = Timestamp("")
    for number, line in enumerate(signatures, start=1):
        chain = Chain(tuple(sets), tuple(since))
        problem = _signature_problem(chain, line, last, signers)
        last = max(last, line.signed_at)
        if problem is not None:
            message, expected, actual = problem
            findings.append(Finding(RULE, message, paths[1], number, expected, actual))
            continue
        signers.setdefault(line.approvers_seq, set()).add(line.signer_wallet)
        for one in sets[current:]:  # one that counts may let a later one count with what it has
            if one.seq in broken:
                continue
            chain = Chain(tuple(sets), tuple(since))
            if _progress(one, chain.authority(one), frozenset(signers.get(one.seq, ()))).complete:
                since[one.seq - 1] = line.signed_at
                current = one.seq
    return Chain(
        tuple(sets), tuple(since), {seq: frozenset(wallets) for seq, wallets in signers.items()}, tuple(findings)
    )


def _line_findings(sets: Sequence[ApproverSet], path: str) -> Iterator[Finding]:
    """Each line names the one before it, or none, and does not lie before it in time."""
    for number, line in enumerate(sets, start=1):
        before = sets[number - 2] if number > 1 else None
        wanted = before.line_hash if before else None
        if line.previous is not None and line.previous != wanted:
            yield Finding(RULE, "names another line before it", path, number, wanted or "none", line.previous)
        elif before is not None and line.at < before.at:
            yield Finding(RULE, "lies before the set before it", path, number, before.at, line.at)


def _signature_problem(
    chain: Chain, line: ApproverSignature, last: Timestamp, signers: Mapping[int, set[str]]
) -> tuple[str, str | None, str | None] | None:
    """What speaks against a signature: message, expected, actual; None for one that is good."""
    over = chain.get(line.approvers_seq)
    if over is None:
        return f"signs set {line.approvers_seq}, which is not there", None, None
    if line.signed_at < max(last, over.at):
        return "lies before the set, or before the signature before it", max(last, over.at), line.signed_at
    try:
        signer = str(recover_signer(set_text(over), line.signature))
    except SignatureError as error:
        signer = error.message
    if signer != line.signer_wallet:
        return "signature is not by its signer over this set", line.signer_wallet, signer
    if line.signer_wallet in signers.get(over.seq, ()):
        return "signer counted twice", None, line.signer_wallet
    if chain.may_sign(over, line.signer_wallet) is None:
        return "signer is neither of this set nor of the one that decides about it", None, line.signer_wallet
    return None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a scope's file says who signs: the content of a set without its place in the chain."""

    approvers: tuple[Member, ...]
    threshold: int
    issuers: tuple[IssuerRights, ...] = ()
    covers: bool = False
    self_approve: bool = False

    @property
    def set_hash(self) -> Hash:
        """`approver_set_hash` of a set with this content."""
        return approver_set_hash(self.approvers, self.issuers, covers=self.covers, self_approve=self.self_approve)

    def same_as(self, line: ApproverSet | None) -> bool:
        """Whether a set has this content."""
        return line is not None and (line.set_hash, line.threshold) == (self.set_hash, self.threshold)


def named_by(scope: ScopeSettings) -> Proposal:
    """The people whom a scope's file names, in the form of a set."""
    approvers = [Member(id=person.id, wallets=tuple(sorted(person.wallets))) for person in scope.approvers]
    issuers = [
        IssuerRights(
            id=person.id,
            wallets=tuple(sorted(person.wallets)),
            can_approve=person.can_approve,
            can_close_epoch=person.can_close_epoch,
            can_issue=person.can_issue,
        )
        for person in scope.issuers
    ]
    return Proposal(
        tuple(sorted(approvers, key=lambda person: person.id)),
        scope.threshold,
        tuple(sorted(issuers, key=lambda person: person.id)),
        scope.covers,
        scope.self_approve,
    )


def next_set(
    chain: Chain, scope: ScopeSettings, node_id: str, at: Timestamp, reason: str, *, root: bool = False
) -> ApproverSet:
    """The line that would propose whom the scope's file names; `root` begins anew (also while no set counts)."""
    named, last = named_by(scope), chain.sets[-1] if chain.sets else None
    begins = root or chain.current is None
    return ApproverSet.model_validate(
        {
            "approvers": named.approvers,
            "at": max(at, last.at) if last else at,
            "covers": named.covers,
            "issuers": named.issuers,
            "node_id": node_id,
            "previous": None if begins or last is None else last.line_hash,
            "reason": reason,
            "scope_id": scope.scope_id,
            "self_approve": named.self_approve,
            "seq": len(chain.sets) + 1,
            "threshold": named.threshold,
        }
    )


def to_propose(chain: Chain, scope: ScopeSettings) -> bool:
    """Whether the scope's file names others than the set that counts and than the last one proposed."""
    named = named_by(scope)
    return bool(named.approvers) and not any(named.same_as(line) for line in (chain.current, chain.waiting))


def to_sign(chain: Chain, scope: ScopeSettings) -> ApproverSet | None:
    """The set that waits for signatures: the last line, while it does not count and the scope's file names it."""
    line = chain.waiting
    return line if line is not None and named_by(scope).same_as(line) else None
