"""Which sets of approvers count: a chain, each signed by the one before it (APPROVERS_CHAINED).

The scope's file proposes a set, the signatures decide whether it counts. A fold over the two logs in file order: what
counts, since when, and which set an epoch may pin. People are counted, never wallets. Knows records, not files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.core.errors import SignatureError
from ledger.core.evaluate import Finding
from ledger.core.records.approvers import ApproverSet, ApproverSignature, set_text
from ledger.core.signing import recover_signer
from ledger.core.values import Hash, Timestamp

RULE = "APPROVERS_CHAINED"


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
