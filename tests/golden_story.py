"""How the example node at the top of the repository was made: the public flows, with fixed times and published keys.

The committed node is the contract, not this script: `ledger verify` must pass for ever. Run
`python -m tests.golden_story DIR` to play the story again; the bytes must come out the same, and what docs/spec.md
quotes of them is printed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.canonical import sha256_hex
from ledger.core.nextset import to_sign
from ledger.core.records.approvers import set_text
from ledger.core.signing import signed_text
from ledger.core.values import Timestamp, parse_time
from ledger.flows.approvers import propose, sign_set
from ledger.flows.budget import add_component, award, cancel_award, withdraw_component
from ledger.flows.collect import collect
from ledger.flows.decide import curate, override
from ledger.flows.identity import bind, unbind
from ledger.flows.receipts.acts import Draft, draft_decisions, draft_receipts, find_receipts, take
from ledger.flows.receipts.table import part, receipts_of
from ledger.flows.session import Session, open_session
from ledger.flows.sign import current_statement, finalize, sign
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import load_node
from tests.nodes import GOLDEN

KEYS = {name: sha256_hex(f"golden node, test key of {name}".encode()) for name in ("ann", "ben", "ben-2", "cleo")}
"""Published on purpose: these wallets exist for this test only."""
REVIEWS = "https://example.org/review"

LEDGER = """node_id: "6f2d1c6e-6a8e-5d43-9d0c-7b1f4b8f2a10"
name: "Example ledger"
site_url: ""
epoch:
  length: 7
  anchor: "2026-01-05"
  grace_hours: 24
"""
DEFAULT = """scope_id: default
name: "The cooperative"
start: "2026-01-05"
weights: weights/default.yaml
approvers:
  - id: ann
    wallets: ["{ann}"]
  - id: ben
    wallets: ["{ben}", "{ben-2}"]
threshold: 2
curators:
  - id: cleo
pool:
  base_issuance: "10000"
sources:
  - source: file
    name: work
    options:
      path: contributions/work.csv
"""
DESIGN = """scope_id: design
name: "The studio"
start: "2026-01-05"
weights: weights/design.yaml
approvers:
  - id: cleo
    wallets: ["{cleo}"]
threshold: 1
pool:
  base_issuance: "100"
sources:
  - source: file
    name: studio
    options:
      path: contributions/design.jsonl
"""
GUILD = """scope_id: guild
name: "The guild"
start: "2026-01-05"
weights: weights/guild.yaml
approvers:
  - id: ann
    wallets: ["{ann}"]
threshold: 1
unresolved: hold
hold_epochs: 1
pool:
  base_issuance: "1000"
pool_rules:
  - rule: carry-over-v1
    cap_credits: "50"
sources:
  - source: file
    name: guild
    options:
      path: contributions/guild.csv
"""
ISSUERS = """issuers:
  - id: ann
    wallets: ["{ann}"]
    can_approve: true
  - id: ben
    wallets: ["{ben}", "{ben-2}"]
    can_approve: true
"""
POINTS = """  receipt:approver: 100
  receipt:author: 700
  receipt:reviewer: 200
"""
WEIGHTS = """algorithm: weight-sum-v1
weights:
  file:community: 2000
  file:design: 4000
  file:governance: 4000
  file:operations: 3000
"""


def wallet(name: str) -> str:
    """The checksummed address of a test key."""
    return str(Account.from_key(KEYS[name]).address)


def write_settings(root: Path) -> None:
    """The node's settings, as an operator would write them."""
    wallets = {name: wallet(name) for name in KEYS}
    files = {
        "ledger.yaml": LEDGER,
        "scopes/default.yaml": DEFAULT.format_map(wallets),
        "scopes/design.yaml": DESIGN.format_map(wallets),
        "scopes/guild.yaml": GUILD.format_map(wallets),
        "weights/default.yaml": WEIGHTS,
        "weights/design.yaml": "algorithm: weight-sum-v1\nweights:\n  file:design: 1000\n",
        "weights/guild.yaml": "algorithm: weight-sum-v1\nweights:\n  file:hours: 1000\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    shutil.copytree(GOLDEN / "contributions", root / "contributions", dirs_exist_ok=True)


def name_issuers(root: Path) -> None:
    """After three epochs the cooperative lets Ann and Ben vouch for work that no platform records."""
    for name, more in (
        ("scopes/default.yaml", ISSUERS.format_map({each: wallet(each) for each in KEYS})),
        ("weights/default.yaml", POINTS),
    ):
        text = (root / name).read_text("utf-8")
        (root / name).write_text(text if more in text else text + more, "utf-8")


def sign_as(session: Session, folder: EpochFolder, *people: str) -> None:
    """Sign the present statement with these test keys, and first the approver set that waits."""
    for person in people:
        line = to_sign(folder.chain(), session.node.scope(folder.scope_id))
        if line is not None and folder.chain().may_sign(line, wallet(person)):
            sign_set(session, folder.scope_id, signature(set_text(line), person), f"{REVIEWS}/{person}")
    text = signed_text(current_statement(session, folder))
    for person in people:
        sign(session, folder, signature(text, person), f"{REVIEWS}/{person}")


def signature(text: str, person: str) -> str:
    """What the person's wallet answers to personal_sign."""
    made: str = Account.sign_message(encode_defunct(text=text), KEYS[person]).signature.hex()
    return "0x" + made.removeprefix("0x")


def play(root: Path) -> None:
    """Three epochs of the cooperative, one of the studio, two of the guild, which holds what nobody has claimed."""
    write_settings(root)
    for act in (_play, _vouch):
        session = open_session(root, Timestamp("2026-01-06T00:00:00.000Z"), environ={})
        try:
            act(session)
        finally:
            session.close()
        name_issuers(root)


def at(session: Session, time: str, actor: str | None = None) -> None:
    """Move the story's clock and choose who acts."""
    session.now, session.actor = parse_time(time), actor


def _play(session: Session) -> None:
    node = session.node
    people = "https://example.org/people"
    users = {
        name: bind(session, "file", name, login=name, evidence=f"{people}/{name}", actor="ann").user_id
        for name in ("alice", "bob", "carol", "dave")
    }
    first, second, third = (node.epoch("default", number) for number in (1, 2, 3))

    at(session, "2026-01-13T00:00:00Z")
    collect(session, "default")
    at(session, "2026-01-13T01:00:00Z", "ann")
    curate(
        session,
        first,
        "exclude",
        "file:work:w4",
        note="counted in the studio already",
        evidence="https://example.org/4",
    )
    curate(session, first, "weight", "file:work:w3", note="only half of it was done", weight_milli=1500)
    curate(session, first, "note", "file:work:w1", note="minutes were approved on 2026-01-12")
    sign_as(session, first, "ann")
    at(session, "2026-01-13T02:00:00Z", "cleo")
    override(session, first, users["dave"], 2000, "held the keys all week", "https://example.org/keys")
    sign_as(session, first, "ann", "ben-2")
    at(session, "2026-01-13T03:00:00Z", "ann")
    finalize(session, first)

    at(session, "2026-01-20T00:00:00Z")
    collect(session, "default")
    at(session, "2026-01-20T01:00:00Z", "ben")
    add_component(session, second, "top_up", 3330, "https://example.org/vote/1")
    withdraw_component(session, second, "top_up", "a zero too many")
    add_component(session, second, "top_up", 333, "https://example.org/vote/1")
    award(session, second, users["dave"], 40, "repaired the door", evidence="https://example.org/door")
    award(session, second, users["bob"], 7, "meant for someone else", name="mistake")
    cancel_award(session, second, "mistake", "the wrong person")
    curate(session, second, "exclude", "file:work:w7", note="by mistake")
    curate(session, second, "include", "file:work:w7", note="it was right after all")
    curate(session, second, "weight", "file:work:w6", note="typo", weight_milli=9)
    curate(session, second, "weight", "file:work:w6", note="clears the typo", weight_milli=None)
    override(session, second, users["bob"], 1, "typo")
    override(session, second, users["bob"], None, "clears the typo")
    sign_as(session, second, "ann", "ben")
    finalize(session, second)

    at(session, "2026-01-21T00:00:00Z")
    bind(session, "file", "erin", user_id=users["carol"], login="erin", evidence="same person, late proof", actor="ben")
    unbind(session, "file", "dave", evidence="left the cooperative", actor="ann")
    at(session, "2026-01-27T00:00:00Z")
    collect(session, "default")
    sign_as(session, third, "ann", "ben")
    finalize(session, third)

    studio = node.epoch("design", 1)
    at(session, "2026-01-27T01:00:00Z")
    collect(session, "design")
    at(session, "2026-01-27T02:00:00Z", "cleo")
    curate(session, studio, "resolve", "file:studio:d2", user_id=users["bob"])
    sign_as(session, studio, "cleo")
    finalize(session, studio)
    _guild(session)


def _guild(session: Session) -> None:
    """What falls to Grace and Heidi waits for an epoch; Grace claims hers in time, Heidi's goes back into the pool."""
    first, second = (session.node.epoch("guild", number) for number in (1, 2))
    at(session, "2026-01-28T00:00:00Z", "ann")
    collect(session, "guild")
    sign_as(session, first, "ann")
    finalize(session, first)
    at(session, "2026-01-29T00:00:00Z", "ann")
    bind(session, "file", "grace", login="grace", evidence="https://example.org/people/grace", actor="ann")
    collect(session, "guild")
    sign_as(session, second, "ann")
    finalize(session, second)


def quoted(root: Path) -> str:
    """What section 8 of docs/spec.md quotes of the node: the statements' hashes and the first signed text."""
    node = load_node(root)
    found = {
        f"{scope}/{folder.epoch_id}": folder.statement()
        for scope in node.scopes
        for folder in node.epochs(scope)
        if folder.state() == "finalized"
    }
    rows = [f"| {name} | `{statement.statement_hash}` |" for name, statement in found.items() if statement]
    first = found["default/1"]
    assert first is not None
    return "\n".join(["| epoch | statement hash |", "| --- | --- |", *rows, "", "```", signed_text(first), "```"])


def _vouch(session: Session) -> None:
    """One receipt of each state: approved, proposed, revoked. They count in the epoch that comes next."""
    at(session, "2026-01-30T00:00:00Z", "ann")
    propose(session, "default", "who vouches for work that no platform records")
    for person in ("ann", "ben"):
        line = to_sign(session.node.chain("default"), session.node.scope("default"))
        if line is not None:
            sign_set(session, "default", signature(set_text(line), person), f"{REVIEWS}/{person}")
    at(session, "2026-01-30T01:00:00Z")
    for item, link in (("care.1", "https://example.org/care"), ("feast.2", "https://example.org/feast")):
        parts = [part("author", "@alice"), part("reviewer", "@bob:3"), part("reviewer", "@erin")]
        wanted = receipts_of(session, "default", item, 5, parts, link, session.now)
        _signed(session, draft_receipts(session, wanted), "ann")
    at(session, "2026-01-30T02:00:00Z")
    found = find_receipts(session, "care.1")
    _signed(session, draft_decisions(session, [state.receipt_hash for state in found], "approved"), "ben")
    at(session, "2026-01-30T03:00:00Z")
    mistaken = found[-1].receipt_hash
    _signed(session, draft_decisions(session, [mistaken], "revoked", "was not there that day"), "ben-2")


def _signed(session: Session, drafts: list[Draft], person: str) -> None:
    take(session, drafts, [signature(draft.text, person) for draft in drafts], f"{REVIEWS}/{person}")


if __name__ == "__main__":
    play(Path(sys.argv[1]).resolve())
    sys.stdout.write(f"{quoted(Path(sys.argv[1]).resolve())}\n")
