"""Every epoch computed once, in sets by as many processes as there are cores: what the site takes of each.

The files of the API are written on the way; what is needed later waits on disk, and only figures come back. The bytes
are the same however many processes there are. What a process cannot do is done here, where it is told in our words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from ledger.compute.ahead import BATCH_BYTES, Ahead, in_sets
from ledger.compute.derive import Derived, Loads, derive, derive_again
from ledger.compute.engine import Engine
from ledger.compute.garbage import no_collection
from ledger.compute.processes import helpers, processes
from ledger.compute.shards import WORKER_MEMORY
from ledger.core.errors import LedgerError
from ledger.core.evaluate import EventOutcome
from ledger.core.receipts import SOURCE
from ledger.core.records.decisions import Binding
from ledger.core.values import UserId
from ledger.site.api_epoch import write_epoch
from ledger.site.apifiles import ApiFiles
from ledger.site.asked import Asked, Told
from ledger.site.epochpart import ComputedEpoch, view_of
from ledger.site.feeds import news
from ledger.site.finding import seen
from ledger.site.follows import Place
from ledger.site.kept import Keeping
from ledger.site.keptepochs import keep, take
from ledger.site.person_events import lines_of
from ledger.site.receipts import counted
from ledger.site.render import lay_aside
from ledger.site.spill import FOLDER, Portions, Spill
from ledger.site.views import epoch_page, epoch_row
from ledger.site.views_amend import credits_in_force
from ledger.site.views_events import titles_of
from ledger.site.views_kpi import kpi_lines
from ledger.site.views_policy import Profile, pinned
from ledger.site.words import bound_names, units
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node
from ledger.store.once import FolderOnce, read_once

FEW = 40
"""Fewer epochs than this are computed right here: another process starts in the time of some of them."""
SETS = 4
"""For each process, so that nobody waits long for whoever has the last."""


Check = Callable[[EpochFolder, Loads, Derived | None], Sequence[object]]
"""Checks an epoch that was just loaded, given what it comes to where that is what is stored."""
Checks = Callable[[Node, Engine], Check]
"""Begins to check in a process, which it is pickled for."""


@dataclass(frozen=True)
class Given:
    """What a process must know besides the node. `last`: the number of epochs of each scope.

    `keeping`: where the build keeps what the next one takes over; `keys`: what each final epoch follows from then;
    `take`: the epochs that may be taken over.
    `checks`: who checks each epoch on the way; `parts`: where the engine then keeps what it knows of sets.
    """

    building: Path
    names: Mapping[str, str]
    commit: str | None
    last: Mapping[str, int]
    keeping: Keeping | None = None
    keys: Mapping[Place, str] = field(default_factory=dict)
    take: frozenset[Place] = frozenset()
    checks: Checks | None = None
    parts: Path | None = None


class Set(NamedTuple):
    """A scope and some of its epochs, by rising number. `part` tells sets apart (from 1)."""

    part: int
    scope_id: str
    numbers: tuple[int, ...]


class Computer:
    """Computes epochs with an engine that it is given."""

    def __init__(self, node: Node, engine: Engine, given: Given) -> None:
        self._node, self._engine, self._given = node, engine, given
        self._spill = Spill(given.building / FOLDER)
        self._told = Told(given.names)
        self._then: tuple[int, Mapping[UserId, str]] = 0, {}
        self._check = given.checks(node, engine) if given.checks else None

    def epochs(self, one: Set) -> Iterator[ComputedEpoch]:
        """The epochs of a set, one after another."""
        part, scope_id, numbers = one
        taken = {number: found for number in numbers if (found := self._taken((scope_id, number))) is not None}
        folders = [self._node.epoch(scope_id, number) for number in numbers if number not in taken]
        computed = self._checked(part, folders) if self._check else self._computed(folders)
        for number in numbers:
            yield taken.pop(number) if number in taken else next(computed)

    def _checked(self, part: int, folders: Sequence[EpochFolder]) -> Iterator[ComputedEpoch]:
        """As `_computed`; with the last the engine has written the hashes of all their ids (`Engine.ids_of_part`)."""
        self._engine.begin_part(part)
        for found in self._computed(folders):
            if found.row.epoch_id == folders[-1].epoch_id:
                self._engine.ids_of_part()
            yield replace(found, part=part)

    def _taken(self, place: Place) -> ComputedEpoch | None:
        keeping = self._given.keeping
        if keeping is None or place not in self._given.take:
            return None
        return take(
            keeping, place, self._given.keys[place], self._told, self._spill, ApiFiles(self._given.building / "api")
        )

    def _computed(self, folders: Sequence[EpochFolder]) -> Iterator[ComputedEpoch]:
        ahead = Ahead(self._engine, self._node, folders)
        last: tuple[Derived, list[EventOutcome]] | None = None
        for folder in folders:
            same = derive_again(ahead, self._node, folder) if isinstance(folder, FolderOnce) else None
            derived = same or derive(ahead, self._node, folder, stated=folder.statement())
            outcomes = list(derived.loaded.outcomes())
            found = self._epoch(folder, derived, outcomes)
            if found.row.state == "finalized":
                last = derived, outcomes
            if folder is folders[-1] and last is not None:
                found = replace(found, profile=Profile.of(*last))
            if self._check is not None:
                found = replace(found, reports=tuple(self._check(folder, ahead, same)))
            if isinstance(folder, FolderOnce):
                folder.forget()
            yield found

    def _epoch(self, folder: EpochFolder, derived: Derived, outcomes: list[EventOutcome]) -> ComputedEpoch:
        keeping = self._given.keeping
        if keeping is None:
            return self._part(folder, derived, outcomes, self._given.names)
        begin, users = self._spill.end, set[str]()
        found = self._part(folder, derived, outcomes, Asked(self._given.names, users))
        key = self._given.keys.get((folder.scope_id, folder.epoch_id), "")
        return keep(keeping, found, key, users, self._told, begin, self._spill)

    def _part(
        self, folder: EpochFolder, derived: Derived, outcomes: list[EventOutcome], names: Mapping[str, str]
    ) -> ComputedEpoch:
        given, scope_id, number = self._given, folder.scope_id, folder.epoch_id
        titles, corrected, then = titles_of(folder), credits_in_force(folder), self._called(derived.bindings)
        page = epoch_page(
            self._node, folder, derived, names, given.last[scope_id], None, given.commit, outcomes, titles, then
        )  # fmt: skip
        api = ApiFiles(given.building / "api")
        entry = write_epoch(api, self._spill, folder, derived, page.state, outcomes, corrected, then)
        row = epoch_row(page)
        lay_aside(page, view_of(given.building, row))
        allocations = derived.evaluation.allocations
        return ComputedEpoch(
            path=page.path,
            start=page.statement.period_start,
            row=row,
            entry=entry,
            files=api.files,
            found=seen(self._spill, page, allocations, outcomes, titles, corrected, names),
            events=Portions.lay(self._spill, lines_of(scope_id, number, outcomes, titles)),
            shares=tuple(zip(*_shares(derived, page.names, corrected), strict=True)),
            receipts={one.id: counted(scope_id, number, one) for one in outcomes if one.source == SOURCE},
            news=tuple(news(page.scope_name, page.statement, folder.transitions())),
            pinned=pinned(page),
            late=tuple(page.late_lines),
            kpis=tuple(kpi_lines(page)),
            witnesses=frozenset(line.signer_wallet for line in page.attestations),
        )  # fmt: skip

    def _called(self, bindings: Sequence[Binding]) -> Mapping[UserId, str]:
        """`bound_names` of a prefix of the node's bindings, which an epoch mostly has in common with the one before."""
        if len(bindings) != self._then[0]:
            self._then = len(bindings), bound_names(bindings)
        return self._then[1]

    def close(self) -> None:
        """Nothing more is asked."""
        self._spill.close()


def _shares(
    derived: Derived, names: Mapping[str, str], corrected: Mapping[str, int] | None
) -> Iterator[tuple[Any, ...]]:
    """For `ComputedEpoch.shares`. `corrected`: credits of another version in force than the first."""
    rows = {row.user_id: row for row in derived.evaluation.allocations}
    for payout in derived.statement.payouts:
        user, row = payout.user_id, rows.get(payout.user_id)
        yield (
            user, names.get(user, user[:8]), payout.amount_credits, payout.share, units(payout.total_units),
            row.activity_count if row else 0, row.override_reason if row else None,
            None if corrected is None else corrected.get(user, 0),
        )  # fmt: skip


_mine: list[Computer] = []
"""What a helping process computes with, until it ends."""


def _begin(node: Node, given: Given) -> None:
    engine = Engine(node.root, memory_limit=WORKER_MEMORY, threads=1, parts=given.parts)
    _mine.append(Computer(read_once(node), engine, given))


def _there(one: Set) -> list[ComputedEpoch]:
    with no_collection():
        return list(_mine[0].epochs(one))


def compute(node: Node, engine: Engine, given: Given, only: Collection[Place] | None = None) -> Iterator[ComputedEpoch]:
    """Every epoch of the node, or those named, scope by scope in order."""
    (given.building / FOLDER).mkdir(exist_ok=True)
    folders = {
        scope_id: [one for one in node.epochs(scope_id) if only is None or (scope_id, one.epoch_id) in only]
        for scope_id in node.scopes
    }
    with closing(Computer(node, engine, given)) as here:
        yield from _computed(here, node, given, folders)


def _computed(
    here: Computer, node: Node, given: Given, folders: Mapping[str, list[EpochFolder]]
) -> Iterator[ComputedEpoch]:
    """`here`: what computes where no process beside does."""
    if sum(map(len, folders.values())) - len(given.take) < FEW or processes() < 2:
        for part, (scope_id, found) in enumerate(folders.items(), 1):
            yield from here.epochs(Set(part, scope_id, tuple(folder.epoch_id for folder in found)))
        return
    sets = list(_sets(folders))
    pool = helpers(processes(len(sets)), _begin, Node(node.root, node.settings), given)
    try:
        asked = [(one, pool.submit(_there, one)) for one in sets]
        while asked:
            one, answer = asked.pop(0)
            try:
                epochs = answer.result()
            except (LedgerError, BrokenProcessPool, OSError):
                yield from here.epochs(one)
            else:
                yield from epochs
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _sets(folders: Mapping[str, list[EpochFolder]]) -> Iterator[Set]:
    """Epochs one after another, as many as go together, so that every process has some."""
    sizes = {scope: [sum(map(each.size, each.log_shards())) for each in found] for scope, found in folders.items()}
    count, total = sum(map(len, sizes.values())), sum(map(sum, sizes.values()))
    parts = processes() * SETS
    most, octets = count // parts + 1, min(BATCH_BYTES, total // parts + 1)
    part = 0
    for scope_id, found in folders.items():
        for numbers in in_sets(found, sizes[scope_id], octets, most):
            part += 1
            yield Set(part, scope_id, numbers)
