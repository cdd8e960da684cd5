"""Amendments of a finalized epoch on disk or in a tree: `amendments/<version>/` inside the epoch's folder.

An amendment is read like an epoch: decisions are those of all versions before it with its own behind, steps,
signatures and derived files are its own, and everything else (events, weights, pool) is the base's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ledger.core.awards import standing_awards
from ledger.core.canonical import sha256_hex
from ledger.core.evaluate import Finding
from ledger.core.records.decisions import Award, Curation, Objection, Override
from ledger.core.records.epoch import AmendmentReason
from ledger.core.records.statement import Statement
from ledger.core.values import Hash
from ledger.store import layout
from ledger.store.epochfolder import EpochFolder

DECISIONS = ("curation.jsonl", "overrides.jsonl", "awards.jsonl")


@dataclass(frozen=True)
class AmendmentFolder(EpochFolder):
    """Version 2, 3, … of an epoch. Made by `amendment_of`."""

    base: EpochFolder
    number: int

    @property
    def version(self) -> int:
        """Which version of the epoch this is."""
        return self.number

    @property
    def before(self) -> EpochFolder:
        """The version that this one supersedes."""
        return self.base if self.number == 2 else amendment_of(self.base, self.number - 1)

    @property
    def relative(self) -> str:
        """The amendment's folder, inside the node."""
        return layout.amendment_path(self.scope_id, self.epoch_id, self.number)

    def path(self, name: str) -> str:
        """A file's path inside the node: the amendment's own, or the base's."""
        return f"{self.relative}/{name}" if name in layout.AMENDMENT_FILES else self.base.path(name)

    def parts(self, name: str) -> list[str]:
        """The files that a log of decisions goes on through, the base's first."""
        return [*self.before.parts(name), self.path(name)] if name in DECISIONS else [self.path(name)]

    def stored(self, name: str) -> bytes | None:
        """A file's bytes, None when it does not exist."""
        return self.base.beside(self.path(name)) if name in layout.AMENDMENT_FILES else self.base.stored(name)

    def log_shards(self) -> list[str]:
        """The files of the base's activity log: an amendment has no events of its own."""
        return self.base.log_shards()

    def beside(self, path: str) -> bytes | None:
        """The bytes of a file of the node outside the folder."""
        return self.base.beside(path)

    def hash_of(self, name: str) -> Hash:
        """SHA-256 of a file's bytes; of a log of decisions, over the bytes of all versions joined."""
        if name not in DECISIONS:
            return super().hash_of(name)
        return Hash(sha256_hex(b"".join(self.beside(path) or b"" for path in self.parts(name))))

    def curation(self) -> list[Curation]:
        """All decisions on events, of the versions before too."""
        return [*self.before.curation(), *super().curation()]

    def overrides(self) -> list[Override]:
        """All decisions on final units, of the versions before too."""
        return [*self.before.overrides(), *super().overrides()]

    def awards(self) -> list[Award]:
        """All awards and cancellations, of the versions before too; FormatError when they do not fold."""
        lines = [*self.before.awards(), *self.own_awards()]
        self._folded("awards.jsonl", lambda: standing_awards(lines))
        return lines

    def objections(self) -> list[Objection]:
        """None: a question about a final epoch is asked and answered in its issue."""
        return []

    def superseded(self) -> Statement | None:
        """The statement of the version before."""
        return self.before.statement()

    def reason(self) -> AmendmentReason | None:
        """Why the epoch is amended; None before that is written."""
        data = self.stored("reason.json")
        return None if data is None else self.single(AmendmentReason, "reason.json", data)


def amendment_of(base: EpochFolder, version: int) -> AmendmentFolder:
    """The folder of a version from 2 on, begun or not."""
    return AmendmentFolder(base.root, base.node_id, base.scope_id, base.epoch_id, base, version)


def amendments(base: EpochFolder) -> Iterator[AmendmentFolder]:
    """The versions of an epoch on disk that were begun, from 2 on, without a gap."""
    for expected, number in enumerate(_numbers(base), start=2):
        folder = amendment_of(base, number)
        if number != expected or not folder.exists():
            return
        yield folder


def gap_findings(base: EpochFolder) -> Iterator[Finding]:
    """The versions on disk that follow none (AMENDMENT_CHAIN): `amendments` does not come to them."""
    for expected, number in enumerate(_numbers(base), start=2):
        if number != expected:
            yield Finding(
                "AMENDMENT_CHAIN", f"version {expected} is missing before it", amendment_of(base, number).relative
            )
            return


def _numbers(base: EpochFolder) -> list[int]:
    home = f"{base.root}/{base.relative}/{layout.AMENDMENTS}"  # as text: asked of every epoch by each act
    names = os.listdir(home) if os.path.isdir(home) else []  # noqa: PTH208, PTH112
    return sorted(int(name) for name in names if re.fullmatch(layout.VERSION_FOLDER, name, re.ASCII))


def newest(base: EpochFolder) -> EpochFolder:
    """The newest version of an epoch that was begun: what further acts are on."""
    found = base
    for folder in amendments(base):
        found = folder
    return found


def in_force(base: EpochFolder) -> EpochFolder:
    """The highest finalized version of an epoch; the base itself where none of it is finalized."""
    found = base
    for folder in amendments(base):
        if folder.state() == "finalized":
            found = folder
    return found
