"""Nodes for tests, built through the public flows, and digests that show whether anything changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.nextset import to_sign
from ledger.core.records.approvers import set_text
from ledger.core.signing import signed_text
from ledger.core.values import Timestamp, parse_time
from ledger.flows.approvers import sign_set
from ledger.flows.session import Session, open_session
from ledger.flows.sign import current_statement, sign
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.store.epochfolder import EpochFolder

GOLDEN = Path(__file__).parents[1]
"""The committed example node is the repository itself: `ledger verify` has something to verify in every clone."""
GOLDEN_PARTS = ("contributions", "data", "ledger.yaml", "scopes", "weights")
NODE_ID = "11111111-1111-4111-8111-111111111111"
KEYS = {"ann": "0x" + "31" * 32, "ben": "0x" + "32" * 32, "eve": "0x" + "33" * 32}
WALLETS = {name: str(Account.from_key(key).address) for name, key in KEYS.items()}
ROWS = """id,time,event_type,account,login,evidence,title
a1,2026-01-05T09:00:00Z,governance,alice,alice,https://example.org/1,First
b1,2026-01-06T09:00:00Z,design,bob,bob,https://example.org/2,Second
c1,2026-01-07T09:00:00Z,community,carol,carol,https://example.org/3,Third
a2,2026-01-13T09:00:00Z,community,alice,alice,https://example.org/4,Next week
b2,2026-01-20T09:00:00Z,design,bob,bob,https://example.org/5,The week after
"""


def make_node(root: Path, *, threshold: int = 2, overlap: bool = False, rows: str = ROWS) -> Path:
    """A node with one file source, two approvers and nothing collected yet."""
    init_node(
        root,
        NodePlan(
            name="test node",
            start=parse_time("2026-01-05"),
            approvers=[("ann", WALLETS["ann"]), ("ben", WALLETS["ben"])],
            threshold=threshold,
            sources=[SourcePlan("file", "work", {"path": "work.csv"})],
            overlap=overlap,
            node_id=NODE_ID,
        ),
    )
    (root / "work.csv").write_text(rows, "utf-8")
    return root


def set_in_scope(root: Path, text: str) -> None:
    """Give the scope's file these keys, in place of what it says under them."""
    path = root / "scopes/default.yaml"
    keys = tuple(line.partition(":")[0] + ":" for line in text.splitlines() if line[0] not in " -")
    kept = [line for line in path.read_text("utf-8").splitlines() if not line.startswith(keys)]
    path.write_text("\n".join(kept) + "\n" + text, "utf-8")


@contextmanager
def at(root: Path, time: str, actor: str | None = None) -> Iterator[Session]:
    """A session at a fixed time."""
    session = open_session(root, parse_time(time), environ={}, actor=actor)
    try:
        yield session
    finally:
        session.close()


def signature(text: str, person: str) -> str:
    """What the person's wallet answers to personal_sign."""
    return "0x" + Account.sign_message(encode_defunct(text=text), KEYS[person]).signature.hex().removeprefix("0x")


def sign_sets(session: Session, scope_id: str, *people: str) -> None:
    """Sign the approver set that waits, where one does."""
    for person in people:
        line = to_sign(session.node.chain(scope_id), session.node.scope(scope_id))
        if line is not None and session.node.chain(scope_id).may_sign(line, WALLETS[person]):
            sign_set(session, scope_id, signature(set_text(line), person))


def texts_to_sign(session: Session, folder: EpochFolder, wallet: str) -> list[str]:
    """What the holder of a wallet signs in one visit: the approver set that waits, if one does, and the statement."""
    line = to_sign(folder.chain(), session.node.scope(folder.scope_id))
    sets = [set_text(line)] if line is not None and folder.chain().may_sign(line, wallet) else []
    return [*sets, signed_text(current_statement(session, folder))]


def review_lines(session: Session, folder: EpochFolder, person: str) -> str:
    """The lines of a review in which a person signs everything that waits."""
    texts = texts_to_sign(session, folder, WALLETS[person])
    return "\n".join(f"/sign {signature(text, person)}" for text in texts)


def sign_as(session: Session, folder: EpochFolder, *people: str) -> None:
    """Sign the present statement, and first the approver set that waits: one visit, as on the first epoch."""
    sign_sets(session, folder.scope_id, *people)
    text = signed_text(current_statement(session, folder))
    for person in people:
        sign(session, folder, signature(text, person))


def digest(root: Path) -> dict[str, str]:
    """Every file of the node but the lock, by path, with its hash."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock" and ".git/" not in path.as_posix()
    }


def everything(root: Path) -> str:
    """All that a node publishes once it is committed: its files and, unpacked, every object of its git repository."""
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@y"]
    for arguments in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "all of it"]):
        subprocess.run([*git, *arguments], check=True)
    listed = ["cat-file", "--batch-all-objects", "--batch"]
    objects = subprocess.run([*git, *listed], check=True, capture_output=True).stdout
    files = [path for path in root.rglob("*") if path.is_file()]
    return b"\n".join([objects, *(str(path).encode() + path.read_bytes() for path in files)]).decode(errors="replace")


def golden_copy(root: Path) -> Path:
    """A copy of the golden node: what of the repository belongs to it."""
    root.mkdir(parents=True, exist_ok=True)
    for part in GOLDEN_PARTS:
        if (GOLDEN / part).is_dir():
            shutil.copytree(GOLDEN / part, root / part, ignore=shutil.ignore_patterns(".lock"))
        else:
            shutil.copy2(GOLDEN / part, root)
    return root


NOW = Timestamp("2026-02-01T00:00:00.000Z")
