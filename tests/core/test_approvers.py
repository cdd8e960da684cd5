"""The chain of approver sets: what counts, since when, what may be pinned; and everything that must not pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.approvers import Chain, build_chain
from ledger.core.config import ScopeSettings
from ledger.core.nextset import named_by, next_set, to_propose, to_sign
from ledger.core.records.approvers import ApproverSet, ApproverSignature, set_text
from ledger.core.values import Timestamp
from tests.core.samples import NODE

KEYS = {name: "0x" + hashlib.sha256(name.encode()).hexdigest() for name in ("ann", "ben", "cy", "dan", "ann2", "cy2")}
WALLETS = {name: str(Account.from_key(key).address) for name, key in KEYS.items()}
People = dict[str, tuple[str, ...]]
DUO: People = {"ann": ("ann",), "ben": ("ben",)}


def day(number: int) -> Timestamp:
    return Timestamp(f"2026-01-{number:02d}T00:00:00.000Z")


class Log:
    """Two logs as they grow, line by line."""

    def __init__(self) -> None:
        self.sets: list[ApproverSet] = []
        self.signatures: list[ApproverSignature] = []

    def propose(self, people: People, threshold: int = 2, *, at: int = 1, root: bool = False, **changes: Any) -> int:
        """Add a set; returns its number."""
        last = self.sets[-1] if self.sets else None
        fields = {
            "approvers": [
                {"id": person, "wallets": sorted(WALLETS[key] for key in keys)}
                for person, keys in sorted(people.items())
            ],
            "at": day(at),
            "covers": False,
            "issuers": [],
            "node_id": NODE,
            "previous": None if root or last is None else last.line_hash,
            "reason": "why not",
            "scope_id": "default",
            "self_approve": False,
            "seq": len(self.sets) + 1,
            "threshold": threshold,
        }
        self.sets.append(ApproverSet.read({**fields, **changes}))
        return len(self.sets)

    def sign(self, seq: int, *keys: str, at: int = 1, over: str | None = None, **changes: Any) -> Chain:
        """Sign a set with these wallets, each a line."""
        for key in keys:
            text = over or set_text(self.sets[seq - 1])
            made = Account.sign_message(encode_defunct(text=text), KEYS[key]).signature.hex().removeprefix("0x")
            fields = {
                "approvers_seq": seq,
                "evidence": "",
                "node_id": NODE,
                "scope_id": "default",
                "seq": len(self.signatures) + 1,
                "signature": "0x" + made,
                "signed_at": day(at),
                "signer_wallet": WALLETS[key],
            }
            self.signatures.append(ApproverSignature.read({**fields, **changes}))
        return self.chain

    @property
    def chain(self) -> Chain:
        return build_chain(self.sets, self.signatures, ("sets", "signatures"))


def counting(chain: Chain) -> list[int]:
    return [line.seq for line in chain.counting]


def told(chain: Chain) -> list[tuple[str, str, int | None]]:
    return [(found.message, found.path, found.line) for found in chain.findings]


@pytest.fixture
def log() -> Log:
    """Ann and ben, both needed, whose set counts since day 2."""
    found = Log()
    found.propose(DUO)
    found.sign(1, "ann", "ben", at=2)
    return found


def test_the_set_hash_is_over_the_people_and_their_rights_alone() -> None:
    log = Log()
    log.propose(DUO)
    (line,) = log.sets
    people = [{"id": one, "wallets": [WALLETS[one]]} for one in ("ann", "ben")]
    value = {"approvers": people, "covers": False, "issuers": [], "self_approve": False}
    assert line.set_hash == hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
    log.propose(DUO, threshold=1, at=9, reason="another")
    assert log.sets[1].set_hash == line.set_hash
    log.propose(DUO, covers=True)
    assert log.sets[2].set_hash != line.set_hash


def test_the_signed_text_names_node_scope_version_threshold_set_and_the_line_before(log: Log) -> None:
    log.propose({**DUO, "cy": ("cy",)})
    one, two = log.sets
    assert set_text(one).split("\n") == [
        "Ledger Approver Set",
        f"Node: {NODE}",
        "Scope: default",
        "Version: 1",
        "Threshold: 2",
        f"Set Hash: {one.set_hash}",
        "Previous: none",
    ]
    assert set_text(two).endswith(f"\nPrevious: {hashlib.sha256(one.encode()).hexdigest()}")


def test_the_first_set_counts_from_the_signature_on_that_completes_its_own_threshold() -> None:
    log = Log()
    log.propose({**DUO, "cy": ("cy",)})
    assert counting(log.sign(1, "ann", at=2)) == [] and log.chain.root is None
    chain = log.sign(1, "cy", at=3)
    assert (counting(chain), chain.since, chain.root) == ([1], (day(3),), log.sets[0].line_hash)
    assert log.sign(1, "ben", at=4).since == (day(3),), "more signatures change nothing"
    assert told(log.chain) == []


@pytest.mark.parametrize("order", permutations(("ann", "ben", "cy2")), ids=" ".join)
def test_the_next_set_takes_the_threshold_of_the_one_before_and_everyone_who_is_new(
    log: Log, order: tuple[str, ...]
) -> None:
    two = log.propose({**DUO, "cy": ("cy", "cy2")}, threshold=3, at=3)
    assert counting(log.sign(two, *order[:2], at=4)) == [1], "one of two who decide, or a wallet that is not shown"
    assert log.chain.progress(log.sets[1]).unproved == (() if "cy2" in order[:2] else ("cy",))
    chain = log.sign(two, order[2], at=5)
    assert (counting(chain), chain.since[1]) == ([1, 2], day(5)), "one of his wallets is enough"
    assert chain.root == log.sets[0].line_hash, "a change that was signed keeps the root"


def test_newcomers_alone_decide_nothing(log: Log) -> None:
    two = log.propose({"cy": ("cy",), "dan": ("dan",)}, threshold=1, at=3)
    assert counting(log.sign(two, "cy", "dan", "ann", at=4)) == [1]
    assert counting(log.sign(two, "ben", at=5)) == [1, 2]


def test_a_new_wallet_of_somebody_who_was_there_signs_with_it(log: Log) -> None:
    two = log.propose({"ann": ("ann", "ann2"), "ben": ("ben",)}, at=3)
    assert counting(log.sign(two, "ann", "ben", at=4)) == [1]
    assert counting(log.sign(two, "ann2", at=5)) == [1, 2]


def test_a_person_with_two_wallets_is_one() -> None:
    log = Log()
    log.propose({"ann": ("ann", "ann2"), "ben": ("ben",)})
    assert counting(log.sign(1, "ann", "ann2", at=2)) == []
    two = log.propose({"ann": ("ann", "ann2"), "ben": ("ben",)}, threshold=1, root=True)
    assert counting(log.sign(two, "ann", at=3)) == [2]


def test_a_wallet_that_moves_to_another_person_is_new_there(log: Log) -> None:
    two = log.propose({"ann": ("ann",), "cy": ("ben",)}, at=3)
    chain = log.sign(two, "ann", at=4)
    assert chain.progress(log.sets[1]).unproved == ("cy",)
    assert counting(log.sign(two, "ben", at=5)) == [1, 2], "ben's wallet decided as ben's, and proves itself as cy's"


def test_a_set_that_was_overtaken_never_counts_again(log: Log) -> None:
    two = log.propose({**DUO, "dan": ("dan",)}, at=3)
    log.sign(two, "ann", "ben", at=3)
    three = log.propose({**DUO, "cy": ("cy",)}, at=4)
    assert counting(log.sign(three, "ann", "ben", "cy", at=5)) == [1, 3]
    assert counting(log.sign(two, "dan", at=6)) == [1, 3]


def test_whoever_a_later_set_left_out_does_not_decide_about_the_next(log: Log) -> None:
    two = log.propose({"ann": ("ann",), "cy": ("cy",)}, at=3)
    log.sign(two, "ann", "ben", "cy", at=4)
    three = log.propose({"ann": ("ann",), "ben": ("ben",)}, at=5)
    chain = log.sign(three, "ann", "ben", at=6)
    assert counting(chain) == [1, 2], "ben decides no more, though he would be new"
    assert counting(log.sign(three, "cy", at=7)) == [1, 2, 3]


def test_a_signature_counts_by_the_set_that_decides_when_the_set_is_complete(log: Log) -> None:
    two = log.propose({"ann": ("ann",), "cy": ("cy",)}, threshold=1, at=3)
    three = log.propose({"cy": ("cy",)}, threshold=1, at=3)
    log.sign(three, "cy", at=4)
    assert counting(log.chain) == [1]
    chain = log.sign(two, "ann", "ben", "cy", at=5)
    assert (counting(chain), chain.since[2]) == ([1, 2, 3], day(5)), "cy, who decides now, had signed the third"


def test_a_new_root_counts_by_itself_and_is_told(log: Log) -> None:
    two = log.propose({"dan": ("dan",)}, threshold=1, at=3, root=True, reason="keys burned")
    assert [line.reason for line in log.chain.new_roots] == ["keys burned"], "told before it counts"
    chain = log.sign(two, "dan", at=4)
    assert (counting(chain), chain.root) == ([1, 2], log.sets[1].line_hash)
    assert log.sets[0].line_hash != chain.root


def test_whom_the_file_names_before_any_set_counts_begins_the_root_again_and_is_no_news() -> None:
    log = Log()
    log.propose(DUO)
    two = log.propose({"cy": ("cy",)}, threshold=1, root=True, at=2)
    chain = log.sign(two, "cy", at=3)
    assert chain.new_roots == () and chain.root == log.sets[1].line_hash


# --- what must not pass


@pytest.mark.parametrize("line", ["Node: ", "Scope: ", "Version: ", "Threshold: ", "Set Hash: ", "Previous: "])
def test_a_signature_over_another_node_scope_version_threshold_set_or_line_does_not_count(line: str) -> None:
    log = Log()
    log.propose(DUO)
    text = set_text(log.sets[0])
    other = "\n".join(f"{line}x" if part.startswith(line) else part for part in text.split("\n"))
    chain = log.sign(1, "ann", "ben", over=other)
    assert counting(chain) == []
    assert told(chain) == [("signature is not by its signer over this set", "signatures", n) for n in (1, 2)]


def test_a_signature_of_one_set_is_none_of_the_next_with_the_same_people(log: Log) -> None:
    log.propose(DUO, threshold=1, at=2)
    old = [line.model_copy(update={"approvers_seq": 2, "seq": line.seq + 2}) for line in log.signatures]
    log.signatures += old
    assert counting(log.chain) == [1]
    assert {message for message, _, _ in told(log.chain)} == {"signature is not by its signer over this set"}


def test_a_stranger_and_the_same_signer_again_are_findings(log: Log) -> None:
    two = log.propose({**DUO, "cy": ("cy",)}, at=3)
    log.sign(two, "dan", "ann", "ann", at=4)
    assert [message for message, _, _ in told(log.chain)] == [
        "signer is neither of this set nor of the one that decides about it",
        "signer counted twice",
    ]
    log.sign(7, "ann", at=4, over="x")
    assert told(log.chain)[-1] == ("signs set 7, which is not there", "signatures", 6)


def test_times_do_not_go_back(log: Log) -> None:
    two = log.propose(DUO, threshold=1, at=5)
    assert counting(log.sign(two, "ann", "ben", at=4)) == [1], "signed before it was proposed"
    log.propose(DUO, at=4)
    assert [found.path for found in log.chain.findings] == ["sets", "signatures", "signatures"]


@pytest.mark.parametrize("forged", ["0" * 64, "previous but one"])
def test_a_line_that_names_another_line_before_it_does_not_count(log: Log, forged: str) -> None:
    two = log.propose({**DUO, "cy": ("cy",)}, at=3)
    log.sign(two, "ann", "ben", "cy", at=3)
    three = log.propose(DUO, at=4, previous=log.sets[0].line_hash if forged == "previous but one" else forged)
    chain = log.sign(three, "ann", "ben", at=5)
    assert counting(chain) == [1, 2]
    assert told(chain) == [("names another line before it", "sets", 3)]


def test_a_line_that_is_dropped_or_moved_breaks_what_follows(log: Log) -> None:
    two = log.propose({**DUO, "cy": ("cy",)}, at=3)
    log.sign(two, "ann", "ben", "cy", at=3)
    alone = [log.sets[1].model_copy(update={"seq": 1})]
    signed = [line.model_copy(update={"approvers_seq": 1}) for line in log.signatures if line.approvers_seq == 2]
    chain = build_chain(alone, signed)
    assert counting(chain) == [] and chain.root is None
    swapped: Sequence[ApproverSet] = [
        log.sets[1].model_copy(update={"seq": 1}),
        log.sets[0].model_copy(update={"seq": 2}),
    ]
    assert counting(build_chain(swapped, log.signatures)) == []


# --- what an epoch may pin


def test_an_epoch_pins_the_last_set_that_counts_and_before_any_does_the_last_root() -> None:
    log = Log()
    assert log.chain.to_pin() is None
    log.propose(DUO, at=2)
    assert log.chain.to_pin() == log.sets[0]
    assert not log.chain.may_pin(1, day(1)) and log.chain.may_pin(1, day(2))
    log.sign(1, "ann", "ben", at=3)
    two = log.propose({**DUO, "cy": ("cy",)}, at=4)
    assert log.chain.to_pin() == log.sets[0] and not log.chain.may_pin(two, day(9))
    log.sign(two, "ann", "ben", "cy", at=6)
    assert log.chain.to_pin() == log.sets[1]
    for seq, number, allowed in ((1, 2, True), (1, 5, True), (1, 6, True), (1, 7, False), (2, 5, False), (2, 6, True)):
        assert log.chain.may_pin(seq, day(number)) is allowed, (seq, number)
    assert not log.chain.may_pin(3, day(9))
    assert [log.chain.counted_at(day(number)) for number in (2, 3, 6)] == [None, log.sets[0], log.sets[1]]


def test_a_root_that_a_later_root_replaced_before_either_counted_is_not_pinned_any_more() -> None:
    log = Log()
    log.propose(DUO, at=2)
    log.propose({"cy": ("cy",)}, threshold=1, root=True, at=4)
    assert log.chain.may_pin(1, day(3)) and log.chain.may_pin(1, day(4)) and not log.chain.may_pin(1, day(5))
    assert log.chain.to_pin() == log.sets[1]


# --- what the scope's file says


def scope(*people: str, threshold: int = 1) -> ScopeSettings:
    approvers = [{"id": name, "wallets": [WALLETS[name]]} for name in people]
    return ScopeSettings.load({"scope_id": "default", "approvers": approvers, "threshold": threshold}, "x")


def test_the_file_proposes_once_whom_neither_the_chain_nor_the_last_proposal_names(log: Log) -> None:
    assert not to_propose(log.chain, scope("ben", "ann", threshold=2)), "order is nothing"
    assert not to_propose(log.chain, scope()), "nobody is no proposal"
    wanted = scope("ann", "cy", threshold=2)
    assert to_propose(log.chain, wanted) and to_sign(log.chain, wanted) is None
    log.sets.append(next_set(log.chain, wanted, NODE, day(3), "cy for ben"))
    assert not to_propose(log.chain, wanted)
    assert to_sign(log.chain, wanted) == log.sets[1] and log.sets[1].previous == log.sets[0].line_hash
    assert named_by(wanted).same_as(log.sets[1])
    assert to_sign(log.chain, scope("ann", "ben", threshold=2)) is None, "the file took it back: nobody signs it now"
    assert not to_propose(log.chain, scope("ann", "ben", threshold=2))
    assert to_propose(log.chain, scope("ann", "ben", threshold=1)), "another threshold is another set"


def test_before_any_set_counts_a_change_of_the_file_begins_anew_without_a_root_before() -> None:
    log = Log()
    first = next_set(log.chain, scope("ann"), NODE, day(2), "the first")
    log.sets.append(first)
    again = next_set(log.chain, scope("ben"), NODE, day(1), "another")
    assert (first.previous, again.previous, again.seq, again.at) == (None, None, 2, day(2))
