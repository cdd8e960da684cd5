"""Lines of history on their way into files, reckoned with as they pass."""

from __future__ import annotations

import hashlib

from ledger.core.bankdata import private_text
from ledger.core.bounds import SHARD_BYTES
from ledger.core.canonical import encode
from ledger.core.history import System, Totals, read_line
from ledger.flows.session import Session
from ledger.imports.found import HistoryDraft
from ledger.sources.titles import one_line


class Packed:
    """History lines on their way into files of at most `SHARD_BYTES`; in a dry run they are only reckoned with."""

    def __init__(self, session: Session, scope_id: str, system: System, write: bool) -> None:
        self.session, self.scope_id, self.system, self.write = session, scope_id, system, write
        self.totals, self.digest = Totals(), hashlib.sha256()
        self.files: list[bytes] = []
        self._buffer: list[bytes] = []
        self._size = 0

    def add(self, draft: HistoryDraft) -> None:
        """One more line."""
        fields = {
            **draft,
            "node_id": self.session.node.node_id,
            "scope_id": self.scope_id,
            "seq": self.totals.lines + 1,
        }
        if "memo" in fields:
            fields["memo"] = _public(fields["memo"])
        record = read_line(fields)
        self.totals.add(record)
        if not self.write:
            return
        line = encode(fields) + b"\n"
        if self._size + len(line) > SHARD_BYTES:
            self.flush()
        self.digest.update(line)
        self._buffer.append(line)
        self._size += len(line)

    def flush(self) -> None:
        """Close the file that is being filled."""
        if self._buffer:
            self.files.append(b"".join(self._buffer))
        self._buffer, self._size = [], 0


def _public(memo: object) -> str:
    text = one_line(str(memo))[:200]
    found = private_text(text)
    return f"(left out: held {found})" if found else text
