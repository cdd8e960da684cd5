"""An epoch's figures from its stored files: the one way in which preview, statement, site and `verify` get them.

Joins the engine's sums with the rules of core (payout, statement). Reads only; decides nothing.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ledger.compute.budget import projected_rules
from ledger.compute.loaded import LoadedEpoch
from ledger.core.approvers import Chain
from ledger.core.config import ScopeSettings
from ledger.core.errors import FormatError, LedgerError
from ledger.core.evaluate import Evaluation
from ledger.core.lifecycle import Pin, pin_to
from ledger.core.nextset import named_by
from ledger.core.pool import Computed
from ledger.core.records.decisions import Award, Binding, PoolComponent
from ledger.core.records.epoch import Epoch
from ledger.core.records.statement import LogPin, PrefixPin, Statement
from ledger.core.statement import FileHashes, StatementInputs, build_statement
from ledger.core.values import Hash
from ledger.store import layout
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node
from ledger.store.once import FolderOnce


@dataclass(frozen=True)
class Derived:
    """What an epoch comes to: its evaluation, the lines about its pool and awards, and the statement that follows.

    `projected`: what the pool's rules would add if an open epoch closed now. `bindings`: the prefix that counts.
    """

    folder: EpochFolder
    epoch: Epoch
    loaded: LoadedEpoch
    evaluation: Evaluation
    pool: tuple[PoolComponent, ...]
    projected: tuple[Computed, ...]
    awards: tuple[Award, ...]
    bindings: tuple[Binding, ...]
    statement: Statement

    @property
    def allocations_bytes(self) -> bytes:
        """The bytes of `allocations.jsonl`."""
        return b"".join([row.encode() + b"\n" for row in self.evaluation.allocations])

    @property
    def files(self) -> dict[str, bytes]:
        """The derived files by name, as they must be on disk from review on."""
        return {"allocations.jsonl": self.allocations_bytes, "statement.json": self.statement.file_bytes()}


class Pinned(Protocol):
    """Which prefixes of the node's logs a statement pins: a `Statement`, or what `peek` saw of one."""

    @property
    def identities(self) -> PrefixPin:
        """The bindings that count."""

    @property
    def log(self) -> LogPin:
        """The scope's statement log before it."""

    @property
    def receipts(self) -> PrefixPin:
        """The receipts that count."""


@dataclass(frozen=True, slots=True)
class Peeked:
    """The pins of a stored statement that was not read: right only when the statement that follows is the same."""

    identities: PrefixPin
    log: LogPin
    receipts: PrefixPin


_PINS = tuple(
    re.compile(rb'"%b":\{"%b":"([0-9a-f]{64})","size":(0|[1-9][0-9]{0,14})\}' % names)
    for names in ((b"identities", b"sha256"), (b"log", b"root"), (b"receipts", b"sha256"))
)


def peek(data: bytes) -> Peeked | None:
    """The pins of the bytes of a statement by their look; None where they do not look like one."""
    found = [pin.search(data) for pin in _PINS]
    bindings, log, receipts = ((Hash(one[1].decode()), int(one[2])) if one else None for one in found)
    if bindings is None or log is None or receipts is None:
        return None
    return Peeked(
        PrefixPin(sha256=bindings[0], size=bindings[1]),
        LogPin(root=log[0], size=log[1]),
        PrefixPin(sha256=receipts[0], size=receipts[1]),
    )


class Loads(Protocol):
    """Who loads an epoch's log: the engine, one at a time, or `Ahead`, many at a time."""

    def load(self, folder: EpochFolder, epoch: Epoch, identities_size: int) -> LoadedEpoch:
        """The epoch in the engine, with the first `identities_size` lines of the bindings log."""


def derive(
    engine: Loads,
    node: Node,
    folder: EpochFolder,
    *,
    stated: Pinned | None = None,
    log_size: int | None = None,
    pin: Pin | None = None,
) -> Derived:
    """Compute an epoch anew from its stored files.

    `stated`: the statement whose pinned prefixes of the node's logs (bindings, receipts, statement log) count; None
    takes them as they stand, the statement log up to `log_size` lines where that is given. `pin`: approvers and
    threshold; None takes the epoch's own last pin, or while it is open what review would pin now (provisional).
    """
    epoch = folder.epoch()
    pin = pin or folder.pin() or provisional_pin(folder.chain(), node.scope(folder.scope_id))
    bindings = node.bindings_prefix(stated.identities.size if stated else None)[1]
    loaded = engine.load(folder, epoch, len(bindings))
    evaluation = loaded.evaluate()
    pool, awards = tuple(folder.pool()), tuple(folder.awards())
    projected: tuple[Computed, ...] = ()
    if folder.version == 1 and folder.state() == "open":
        recorded = {line.component_id for line in pool}
        due = projected_rules(node, folder, epoch, evaluation, bindings)
        projected = tuple(each for each in due if each.component_id not in recorded)
    statement = build_statement(
        StatementInputs(
            epoch=epoch,
            pin=pin,
            evaluation=evaluation,
            pool=pool,
            projected=projected,
            awards=awards,
            files=FileHashes(
                awards=folder.hash_of("awards.jsonl"),
                collection=folder.hash_of("collection.jsonl"),
                curation=folder.hash_of("curation.jsonl"),
                cursors=folder.hash_of("cursors.jsonl"),
                epoch=folder.hash_of("epoch.json"),
                overrides=folder.hash_of("overrides.jsonl"),
                pool=folder.hash_of("pool.jsonl"),
            ),
            identities=node.prefix_pin(layout.IDENTITIES, len(bindings)),
            log=pinned_log(folder, stated.log.size if stated else log_size),
            receipts=node.prefix_pin(layout.RECEIPTS, _receipts_size(folder, stated)),
            previous_statement_hash=previous_statement_hash(node, folder),
            supersedes=folder.superseded(),
        )
    )
    return Derived(folder, epoch, loaded, evaluation, pool, projected, awards, tuple(bindings), statement)


def derive_again(engine: Loads, node: Node, folder: FolderOnce, pin: Pin | None = None) -> Derived | None:
    """The epoch computed over the pins that its statement seems to have, where that gives the stored bytes.

    Then that statement is the stored one, and its lines need not be read. Else nothing, and nothing is said.
    """
    with suppress(LedgerError):
        stored = folder.read("statement.json")
        pinned = peek(stored)
        derived = derive(engine, node, folder, stated=pinned, pin=pin) if pinned else None
        if derived is not None and derived.statement.file_bytes() == stored:
            folder.prove(derived.statement)
            return derived
    return None


def provisional_pin(chain: Chain, scope: ScopeSettings) -> Pin:
    """What review would pin if it came now: the set that counts, else the one proposed, else the scope's file."""
    line, named = chain.to_pin(), named_by(scope)
    if line is None or (chain.current is None and not named.same_as(line)):
        return Pin(named.approvers, len(chain.sets) + 1, named.set_hash, named.threshold, ())
    return pin_to(line)


def pinned_log(folder: EpochFolder, size: int | None) -> LogPin:
    """The prefix of the statement log that a statement pins; FormatError when the log is shorter than `size`."""
    own = folder.path("statement.json")
    log = folder.statement_log()
    before = log.before(own)
    before = len(log.lines) if before is None else before
    if size is not None and size > before:
        raise FormatError(
            f"log has {before} lines before this epoch's, {size} are pinned",
            rule="STATEMENT_LOGGED",
            path=layout.log_path(folder.scope_id),
        )
    return log.pin(before if size is None else size)


def _receipts_size(folder: EpochFolder, stated: Pinned | None) -> int | None:
    """How much of the log of receipts counts: what the first draft of review pinned, for events were made of that."""
    first = stated or folder.statement()
    return first.receipts.size if first else None


def previous_statement_hash(node: Node, folder: EpochFolder) -> Hash | None:
    """The hash of the statement of the epoch before in the scope; None for the first epoch."""
    if folder.epoch_id == 1:
        return None
    statement = node.epoch(folder.scope_id, folder.epoch_id - 1).statement()
    return statement.statement_hash if statement else None
