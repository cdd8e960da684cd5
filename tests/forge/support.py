"""A node as adopters have it on GitHub: approvers and a curator by account, one epoch open or in review."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.signing import signed_text
from ledger.core.values import Timestamp, parse_time
from ledger.flows.collect import collect
from ledger.flows.identity import bind
from ledger.flows.session import Session
from ledger.flows.sign import current_statement
from ledger.forge.conversation import Author, Comment, Review
from ledger.store.epochfolder import EpochFolder
from tests.nodes import KEYS, at, make_node, sign_sets

ACCOUNTS = {"ann": 101, "ben": 102, "cy": 103, "eve": 104, "dan": 105}
REVIEW_TIME = "2026-01-13T06:00:00Z"
LATER = "2026-01-13T12:00:00Z"


def forge_node(root: Path, *, threshold: int = 2, extra: str = "", rows: str | None = None) -> Path:
    """A node whose people have GitHub accounts: ann and ben sign, cy curates, eve and dan are nobody."""
    make_node(root, threshold=threshold, **({"rows": rows} if rows is not None else {}))
    path = root / "scopes" / "default.yaml"
    text = path.read_text("utf-8")
    for name in ("ann", "ben"):
        text = text.replace(f'- id: "{name}"\n', f'- id: "{name}"\n    github_id: {ACCOUNTS[name]}\n')
    curator = f'curators:\n  - id: "cy"\n    github_id: {ACCOUNTS["cy"]}\n'
    lines = [curator.rstrip("\n") if line.startswith("curators:") else line for line in text.splitlines()]
    path.write_text("\n".join(lines) + "\n" + extra, "utf-8")
    with at(root, "2026-01-05T00:00:00Z", "ann") as session:
        for name in ("alice", "bob"):
            bind(session, "file", name, login=name, evidence="the minutes", actor="ann")
    return root


@contextmanager
def in_review(root: Path, time: str = LATER, *, signed_sets: bool = True) -> Iterator[tuple[Session, EpochFolder]]:
    """The node's first epoch, collected and moved to review, its approvers' set signed; the session is at `time`."""
    with at(root, REVIEW_TIME) as session:
        collect(session, "default")
    with at(root, time) as session:
        if signed_sets:
            sign_sets(session, "default", "ann", "ben")
        yield session, session.folder("default", 1)


def comment(body: str, by: str = "ann", number: int = 1, *, edited: bool = False, ours: bool = False) -> Comment:
    """A comment as GitHub reports it."""
    author = Author(by, ACCOUNTS.get(by))
    return Comment(1, number, author, body, parse_time(f"2026-01-13T08:{(number - 1) % 60:02d}:00Z"), edited, ours)


def signature_of(session: Session, folder: EpochFolder, name: str) -> str:
    """What the wallet of `name` gives over the present statement."""
    text = signed_text(current_statement(session, folder))
    return "0x" + Account.sign_message(encode_defunct(text=text), KEYS[name]).signature.hex().removeprefix("0x")


def review_by(
    name: str,
    body: str,
    *,
    number: int = 2**31 + 7,
    state: str = "APPROVED",
    edited: bool = False,
    commit: str = "c" * 40,
    time: Timestamp | None = None,
) -> Review:
    """A review as GitHub reports it; ids are past 2^31, as GitHub's are."""
    when = time or parse_time("2026-01-13T09:00:00Z")
    return Review(number, Author(name, ACCOUNTS.get(name)), state, body, when, edited, commit)
