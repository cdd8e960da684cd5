"""The node's log of receipts on disk or in a tree, as records. Reads only; what acts mean is `core.receiptlog`'s."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from ledger.core.receipts import ReceiptAct
from ledger.store import layout
from ledger.store.files import read_file
from ledger.store.logs import read_log
from ledger.store.node import Node


def read_receipts(node: Node) -> tuple[ReceiptAct, ...]:
    """Every act of the node's log, oldest first; FormatError names file and line."""
    return parse_receipts(read_file(node.root, layout.RECEIPTS) or b"", node.node_id)


@lru_cache(maxsize=4)
def parse_receipts(data: bytes, node_id: str) -> tuple[ReceiptAct, ...]:
    """The acts of these bytes; remembered, since every epoch asks."""
    return tuple(each_receipt(data, node_id))


def each_receipt(data: bytes, node_id: str) -> Iterator[ReceiptAct]:
    """The acts of these bytes, one by one."""
    return read_log(ReceiptAct, data, layout.RECEIPTS, node_id, rule="RECEIPT_SIGNED")
