"""The node's receipts as they stand: the log folded once, with who had which right and whose wallet was whose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.compute.garbage import no_collection
from ledger.core.approvers import Chain
from ledger.core.evaluate import Finding
from ledger.core.receiptlog import ReceiptBook, Wallets, fold, signed_texts
from ledger.core.receipts import ReceiptAct
from ledger.flows.session import Session
from ledger.flows.signers import recover_ahead
from ledger.store import layout
from ledger.store.files import read_file
from ledger.store.node import Node
from ledger.store.receipts import each_receipt, read_receipts


@dataclass(frozen=True)
class Receipts:
    """The log's acts, what stands after them, and what they were held to."""

    acts: tuple[ReceiptAct, ...]
    book: ReceiptBook
    findings: tuple[Finding, ...]
    chains: dict[str, Chain]
    wallets: Wallets


def load_receipts(session: Session, *, signatures: bool = False) -> Receipts:
    """The log from disk, every line held to the rules; `signatures`: their signers recovered too, which takes its time.

    FormatError for a line that cannot be read.
    """
    with no_collection():
        node = session.node
        acts, bindings = _with_signers(node) if signatures else read_receipts(node), tuple(node.bindings())
        chains = {scope: node.chain(scope) for scope in node.scopes}
        wallets, first = Wallets(bindings), 1 if signatures else len(acts) + 1
        folded = fold(node.node_id, acts, chains, wallets, path=layout.RECEIPTS, signatures_from=first)
        return Receipts(acts, folded.book, folded.findings, chains, wallets)


def _with_signers(node: Node) -> tuple[ReceiptAct, ...]:
    """The log's acts, their signers recovered by other processes while it is read."""
    acts = list[ReceiptAct]()
    lines = each_receipt(read_file(node.root, layout.RECEIPTS) or b"", node.node_id)

    def kept() -> Iterator[ReceiptAct]:
        for act in lines:
            acts.append(act)
            yield act

    recover_ahead(signed_texts(node.node_id, kept()))
    return (*acts, *lines)
