"""`sha256sums.txt`: what a finalized folder holds, for `sha256sum -c`, so that a changed byte is named without git.

The statement already pins what is paid for; this list also covers the rest of the folder (cursors, collection,
transitions, signatures, times of opening). The activity log is left to the statement's Merkle root.
"""

from __future__ import annotations

from ledger.core.canonical import sha256_hex
from ledger.store import layout
from ledger.store.epochfolder import EpochFolder


def checksums(folder: EpochFolder, pending: dict[str, bytes] | None = None) -> str:
    """`sha256sum` lines over the folder's files that the statement does not pin by the activity root, sorted by name.

    Every name of the folder has one cover: the root (the log's shards), this list, or (kind *later*) none on purpose.
    A log that cannot be read (a gap, an empty file) is told by whoever reads it; the rest is held to this list still.

    `pending`: bytes of files that are about to be written.
    """
    names = {name for name in (*folder.names(), *(pending or {})) if layout.shard_number(name) is None}

    def digest(name: str) -> str:
        if pending and pending.get(name):
            return sha256_hex(pending[name])
        return folder.hash_of(name) if folder.version == 1 else sha256_hex(folder.read(name))  # of its own lines alone

    return "".join(
        f"{digest(name)}  {name}\n"
        for name in sorted(names)
        if layout.kind_of(name, folder.version) in ("once", "log", "derived") and name != layout.CHECKSUMS
    )
