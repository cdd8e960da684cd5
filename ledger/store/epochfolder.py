"""One epoch's folder: its files by name, and the records of each log with their file and line.

Reads only (writes: `ledger.store.append`). It checks form and place (NODE_SCOPED, SCOPE_SCOPED), not what the records
mean. A folder that lies elsewhere than on disk (in a commit, in memory) overrides how bytes and names are found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypedDict, TypeVar

from ledger.core.approvers import Chain
from ledger.core.awards import standing_awards
from ledger.core.canonical import decode, read_objects, sha256_hex
from ledger.core.errors import FormatError, LedgerError
from ledger.core.lifecycle import Pin, pin_of, state_of
from ledger.core.place import Place
from ledger.core.pool import standing_components
from ledger.core.records.activity import ActivityEvent, Collection, Cursor
from ledger.core.records.approvers import ApproverSignature
from ledger.core.records.decisions import Award, Curation, Objection, Override, PoolComponent
from ledger.core.records.epoch import Epoch, State, Transition
from ledger.core.records.record import Record
from ledger.core.records.statement import Allocation, Attestation, Signature, Statement
from ledger.core.statementlog import LogLine, StatementLog
from ledger.core.succession import EpochLife
from ledger.core.values import Hash, NodeId, ScopeId
from ledger.core.windows import Window
from ledger.store import layout
from ledger.store.entries import entries, walk
from ledger.store.files import read_file
from ledger.store.logs import check_place, read_log
from ledger.store.sharedlogs import parse_chain, parse_log, parse_scope_log

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class PlaceFields(TypedDict):
    """The fields of a record that say which node, scope and epoch it belongs to (NODE_SCOPED, SCOPE_SCOPED)."""

    node_id: NodeId
    scope_id: ScopeId
    epoch_id: int


@dataclass(frozen=True)
class EpochFolder:
    """One epoch's folder. Every read goes to the disk; nothing is cached, so that it is never stale."""

    root: Path
    node_id: NodeId
    scope_id: ScopeId
    epoch_id: int

    @property
    def place(self) -> PlaceFields:
        """The fields that every record in the folder carries."""
        return {"node_id": self.node_id, "scope_id": self.scope_id, "epoch_id": self.epoch_id}

    @property
    def version(self) -> int:
        """Which version of the epoch this is: 1, or that of an amendment."""
        return 1

    @property
    def where(self) -> Place:
        """The epoch, or the version of it, that this folder is."""
        return Place(self.scope_id, self.epoch_id, self.version)

    @property
    def relative(self) -> str:
        """The folder's path inside the node."""
        return layout.epoch_path(self.scope_id, self.epoch_id)

    def path(self, name: str) -> str:
        """A file's path inside the node."""
        return f"{self.relative}/{name}"

    @property
    def scope_logs(self) -> tuple[str, ...]:
        """The scope's logs outside the folder, by their paths inside the node: its epochs' branches may add to them."""
        return layout.scope_logs(self.scope_id)

    def stored(self, name: str) -> bytes | None:
        """A file's bytes, None when it does not exist: the one place where this class reads."""
        return read_file(self.root, self.path(name))

    def parts(self, name: str) -> list[str]:
        """The files that a log goes on through, in order; one, but for decisions of an amendment."""
        return [self.path(name)]

    def next_seq(self, name: str) -> int:
        """The number of the next line of a numbered log of this folder."""
        return self.read(name).count(b"\n") + 1

    def superseded(self) -> Statement | None:
        """The statement that this version supersedes; None for version 1."""
        return None

    def beside(self, path: str) -> bytes | None:
        """The bytes of a file of the node outside the folder, by its path; None when it does not exist."""
        return read_file(self.root, path)

    def read(self, name: str) -> bytes:
        """A file's bytes; empty when it does not exist."""
        return self.stored(name) or b""

    def hash_of(self, name: str) -> Hash:
        """SHA-256 of a log's bytes; a log that does not exist counts as empty."""
        return Hash(sha256_hex(self.read(name)))

    def exists(self) -> bool:
        """Whether the epoch was opened: its first transition is on record."""
        return bool(self.read("transitions.jsonl"))

    def epoch(self) -> Epoch:
        """`epoch.json`; FormatError when it is missing or is not this epoch's."""
        data = self.stored("epoch.json")
        if data is None:
            raise FormatError("epoch.json is missing", path=self.path("epoch.json"), hint="Restore it from git.")
        return self.single(Epoch, "epoch.json", data)

    def statement(self) -> Statement | None:
        """The drafted or final statement, None before review."""
        data = self.stored("statement.json")
        return None if data is None else parse_statement(self, data)

    def single(self, model: type[R], name: str, data: bytes) -> R:
        """The one record of a `.json` file of this epoch from its bytes; FormatError names the file."""
        path = self.path(name)
        try:
            if not data.endswith(b"\n"):
                raise FormatError("file has no line end (torn write?)")
            record = model.read(decode(data[:-1], layout.most_bytes(path)))
            check_place(record, self.node_id, self.scope_id, self.epoch_id)
        except FormatError as error:
            raise error.at(path, 1) from None
        return record

    def _log(self, name: str, model: type[R]) -> list[R]:
        return list(read_log(model, self.read(name), self.path(name), self.node_id, self.scope_id, self.epoch_id))

    def transitions(self) -> list[Transition]:
        """All steps, oldest first."""
        return self._log("transitions.jsonl", Transition)

    def state(self) -> State:
        """Where the epoch stands."""
        return self._of_steps(lambda: state_of(self.transitions()))

    def chain(self) -> Chain:
        """The scope's approver sets and which of them count."""
        paths = layout.approvers_path(self.scope_id), layout.approver_signatures_path(self.scope_id)
        return parse_chain(*(self.beside(path) or b"" for path in paths), self.node_id, self.scope_id)

    def approver_signatures(self) -> tuple[ApproverSignature, ...]:
        """All signatures over the scope's approver sets, oldest first."""
        path = layout.approver_signatures_path(self.scope_id)
        return parse_scope_log(ApproverSignature, self.beside(path) or b"", path, self.node_id, self.scope_id)

    def pin(self) -> Pin | None:
        """What the last step to review pinned; FormatError when the scope's chain does not hold it."""
        return self._of_steps(lambda: pin_of(self.transitions(), self.chain()))

    def _of_steps(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except FormatError as error:
            if error.path == "transitions.jsonl":
                error.path = self.path("transitions.jsonl")
            raise

    def log(self) -> list[LogLine]:
        """The scope's statement log, oldest first."""
        return list(self.statement_log().lines)

    def statement_log(self) -> StatementLog:
        """The same, with what is asked of it for each epoch."""
        return parse_log(self.beside(layout.log_path(self.scope_id)) or b"", self.node_id, self.scope_id)

    def curation(self) -> list[Curation]:
        """All decisions on events, oldest first."""
        return self._log("curation.jsonl", Curation)

    def overrides(self) -> list[Override]:
        """All decisions on final units, oldest first."""
        return self._log("overrides.jsonl", Override)

    def objections(self) -> list[Objection]:
        """All questions and answers, oldest first."""
        return self._log("objections.jsonl", Objection)

    def pool(self) -> list[PoolComponent]:
        """All lines about the pool, oldest first; FormatError when they do not fold (POOL_UNIQUE_PER_TYPE)."""
        lines = self._log("pool.jsonl", PoolComponent)
        self._folded("pool.jsonl", lambda: standing_components(lines))
        return lines

    def components(self) -> tuple[PoolComponent, ...]:
        """The pool's components that stand."""
        return standing_components(self.pool())

    def awards(self) -> list[Award]:
        """All awards and their cancellations, oldest first; FormatError when they do not fold."""
        lines = self.own_awards()
        self._folded("awards.jsonl", lambda: standing_awards(lines))
        return lines

    def own_awards(self) -> list[Award]:
        """The lines of this folder's own log of awards."""
        return self._log("awards.jsonl", Award)

    def _folded(self, name: str, fold: Callable[[], object]) -> None:
        try:
            fold()
        except FormatError as error:
            raise FormatError(error.message, rule=error.rule, path=self.path(name), line=error.line) from None

    def signatures(self) -> list[Signature]:
        """All signatures, also those over older statements."""
        return self._log("signatures.jsonl", Signature)

    def attestations(self) -> list[Attestation]:
        """Who recomputed the finalized epoch, oldest first."""
        return self._log("attestations.jsonl", Attestation)

    def cursors(self) -> list[Cursor]:
        """All cursor lines, oldest first."""
        return self._log("cursors.jsonl", Cursor)

    def collections(self) -> list[Collection]:
        """What each run saw, oldest first."""
        return self._log("collection.jsonl", Collection)

    def allocations(self) -> list[Allocation]:
        """The derived allocations as stored."""
        return self._log("allocations.jsonl", Allocation)

    def names(self) -> list[str]:
        """The names of everything in the folder."""
        return list(entries(self.root, self.relative))

    def files(self) -> Iterator[str]:
        """The paths of all files in the folder and below, sorted, inside the node."""
        return (path for path, _ in walk(self.root, self.relative))

    def size(self, name: str) -> int:
        """A file's bytes, counted without reading them."""
        return os.lstat(f"{self.root}/{self.path(name)}").st_size

    def log_shards(self) -> list[str]:
        """The activity log's files by name, in order; empty when nothing was collected.

        All that match, without a gap, none empty, none too large: FormatError (ACTIVITY_APPEND_ONLY) otherwise, since
        the root over the log is the only hash that covers them.
        """
        try:
            names = layout.log_shards(self.names())
            for name in names:
                if not (size := self.size(name)):
                    raise FormatError("is empty", rule="ACTIVITY_APPEND_ONLY", path=name)
                layout.check_size(self.path(name), size)
        except FormatError as error:
            error.path = error.path if "/" in (error.path or "") else self.path(error.path or "")
            error.hint = "Restore the folder from git; only ledger commands write under data/."
            raise
        return names

    def shards(self) -> list[Path]:
        """The activity log's files by their place on disk, as `log_shards`."""
        return [self.root / self.path(name) for name in self.log_shards()]

    def events(self) -> Iterator[tuple[str, int, ActivityEvent]]:
        """Each event with its shard's name and line, in order (small epochs; large ones go through compute)."""
        for shard in self.shards():
            path = self.path(shard.name)
            for number, value in read_objects(self.read(shard.name), path):
                try:
                    event = ActivityEvent.read(value)
                    check_place(event, self.node_id, self.scope_id, None)
                except FormatError as error:
                    raise error.at(path, number) from None
                yield shard.name, number, event

    def window(self) -> Window:
        """The epoch's window."""
        epoch = self.epoch()
        return Window(epoch.period_start, epoch.period_end)


def life_of(folder: EpochFolder) -> EpochLife:
    """Where an epoch stands, as far as its files tell."""
    state, window = None, None
    with suppress(LedgerError):  # the epoch's own check says what is wrong with it
        state = folder.state()
    with suppress(LedgerError):
        window = folder.window()
    return EpochLife(folder.epoch_id, folder.relative, state, window)


@lru_cache(maxsize=4)
def parse_statement(folder: EpochFolder, data: bytes) -> Statement:
    """The statement of these bytes; the last ones are remembered, since the epoch after asks for this one's hash."""
    return folder.single(Statement, "statement.json", data)
