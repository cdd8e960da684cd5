"""The node's log of receipts on disk or in a tree, as records. Reads only; what acts mean is `core.receiptlog`'s."""

from __future__ import annotations

from functools import lru_cache

from ledger.core.canonical import read_objects
from ledger.core.errors import FormatError
from ledger.core.receipts import ReceiptAct
from ledger.store import layout
from ledger.store.files import read_file
from ledger.store.node import Node, check_place


def read_receipts(node: Node) -> tuple[ReceiptAct, ...]:
    """Every act of the node's log, oldest first; FormatError names file and line."""
    return parse_receipts(read_file(node.root, layout.RECEIPTS) or b"", node.node_id)


@lru_cache(maxsize=4)
def parse_receipts(data: bytes, node_id: str) -> tuple[ReceiptAct, ...]:
    """The acts of these bytes; remembered, since every epoch asks."""
    found = []
    for number, value in read_objects(data, layout.RECEIPTS):
        try:
            record = ReceiptAct.read(value)
            check_place(record, node_id, None, None)
            if record.seq != number:
                raise FormatError(f"seq is {record.seq}, expected {number}")
        except FormatError as error:
            error.rule = error.rule or "RECEIPT_SIGNED"
            raise error.at(layout.RECEIPTS, number) from None
        found.append(record)
    return tuple(found)
