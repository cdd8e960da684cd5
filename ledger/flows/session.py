"""What every act needs: the node, the clock, the engine, who acts, whom to tell. One session, one command.

The clock is here and nowhere deeper; `--now` replaces it. Holds no rule.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.core.config import ScopeSettings
from ledger.core.errors import InputError, UsageError
from ledger.core.place import Place
from ledger.core.values import Timestamp
from ledger.store.amendments import newest
from ledger.store.epochfolder import EpochFolder as EpochFolder  # the rooms beyond name it, but may not open the store
from ledger.store.files import write_lock
from ledger.store.layout import NODE_FILE
from ledger.store.node import Node, find_root, load_node
from ledger.store.once import read_once

if TYPE_CHECKING:
    from ledger.compute.engine import Engine
    from ledger.compute.settled import Settled


def _silent(_text: str) -> None:
    return None


@dataclass
class Session:
    """One run over one node. `now` is the moment at which all acts of the run happen.

    `elsewhere` names the branch of each epoch and amendment that is not in the node's own files (`flows.elsewhere`).
    `amendments_logged`: the scopes whose amendments were all looked for in this run (`flows.statementlog`).
    """

    node: Node
    now: Timestamp
    environ: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None
    tell: Callable[[str], None] = _silent
    elsewhere: Mapping[Place, str] = field(default_factory=dict)
    kinds: dict[Hashable, list[tuple[str, str, list[int]]]] = field(default_factory=dict)
    """Source, type and hours of the events of logs that were asked about, by what tells that a log is as it was."""
    apart: set[Hashable] = field(default_factory=set)
    """Logs no two of whose events have link, moment and kind in common, by the same."""
    amendments_logged: set[str] = field(default_factory=set)

    @cached_property
    def engine(self) -> Engine:
        """The engine over this node's files, started when first needed."""
        from ledger.compute.engine import Engine

        return Engine(self.node.root)

    @cached_property
    def settled(self) -> Settled:
        """The index over the finalized epochs as they stand now; see docs/operate.md."""
        from ledger.compute.settled import Settled

        own = any(self.environ.get(name) for name in ("LEDGER_CACHE", "XDG_CACHE_HOME", "HOME"))  # else: everybody's
        return Settled(self.engine, self.node, cache_dir(self.environ) if own else None)

    def close(self) -> None:
        """Stop the engine if it was started."""
        if "engine" in self.__dict__:
            self.engine.close()

    def scope_id(self, asked: str | None) -> str:
        """The scope asked for, or the only one there is; InputError or UsageError otherwise."""
        if asked is None:
            if len(self.node.scopes) != 1:
                raise UsageError(
                    "this node has several scopes", hint=f"Add --scope with one of: {self._scope_names()}."
                )
            return next(iter(self.node.scopes))
        return self.node.scope(asked).scope_id

    def _scope_names(self) -> str:
        return ", ".join(self.node.scopes)

    def scope_ids(self, asked: str | None) -> list[str]:
        """The scope asked for, or all."""
        return [self.node.scope(asked).scope_id] if asked is not None else list(self.node.scopes)

    def folder(self, scope_id: str, epoch_id: int | None) -> EpochFolder:
        """The newest version of the epoch asked for, or the oldest epoch that is not finalized (else the last).

        InputError if there is none.
        """
        last = self.node.last_epochs(scope_id, 2)
        if not last:
            raise InputError(f"scope {scope_id} has no epoch yet", hint=self.none_yet())
        if epoch_id is None:
            return next((folder for folder in last if folder.state() != "finalized"), last[-1])
        if not 1 <= epoch_id <= last[-1].epoch_id:
            hint = f"It has 1 to {last[-1].epoch_id}."
            raise InputError(f"scope {scope_id} has no epoch {epoch_id}", hint=hint)
        return newest(self.node.epoch(scope_id, epoch_id))

    def approver(self, scope: ScopeSettings) -> str:
        """Who acts as an approver: `--actor`, else the scope's only one; refuses anyone else."""
        people = sorted(person.id for person in scope.approvers)
        actor = self.actor or (people[0] if len(people) == 1 else None)
        if actor not in people:
            raise InputError(
                f"{actor} is no approver of scope {scope.scope_id}" if actor else "which approver acts?",
                rule="APPROVERS_PER_SCOPE",
                path=f"scopes/{scope.scope_id}.yaml",
                hint=f"Add --actor (or set LEDGER_ACTOR) with one of: {', '.join(people) or 'nobody yet'}.",
            )
        return actor

    def none_yet(self) -> str:
        """What brings the first epoch: on GitHub a run does, on its branch."""
        if self.node.settings.repository:
            return "The daily run of `collect` opens the one that is due, on a branch: `git fetch` brings it here."
        return "`ledger collect` opens the one that is due."

    def decider(self, scope: ScopeSettings) -> str:
        """Who decides: `--actor`, else the scope's only approver or curator; refuses anyone else."""
        people = sorted({person.id for person in (*scope.approvers, *scope.curators)})
        actor = self.actor or (people[0] if len(people) == 1 else None)
        if actor is None:
            named = f"Add --actor (or set LEDGER_ACTOR) with one of: {', '.join(people)}."
            nobody = f"Nobody may yet: add approvers or curators to scopes/{scope.scope_id}.yaml first."
            raise UsageError("who decides?", hint=named if people else nobody)
        if not scope.may_decide(actor):
            raise InputError(
                f"{actor} is neither approver nor curator of scope {scope.scope_id}",
                rule="APPROVERS_PER_SCOPE",
                path=f"scopes/{scope.scope_id}.yaml",
                hint=f"These may decide: {', '.join(people) or 'nobody yet'}.",
            )
        return actor


@contextmanager
def acting(session: Session, actor: str, at: Timestamp) -> Iterator[None]:
    """Within the block the session acts as `actor`, at the time when he wrote."""
    before = session.actor, session.now
    session.actor, session.now = actor, at
    try:
        yield
    finally:
        session.actor, session.now = before


@contextmanager
def reading(session: Session) -> Iterator[None]:
    """Within the block the node's files are read once: for acts that look at many epochs and write nothing."""
    before = session.node
    session.node = read_once(before)
    try:
        yield
    finally:
        session.node = before


def open_session(
    root: Path,
    now: Timestamp,
    *,
    environ: Mapping[str, str] | None = None,
    actor: str | None = None,
    tell: Callable[[str], None] = _silent,
) -> Session:
    """A session over the node at `root`, whose tree is checked first."""
    return Session(load_node(root), now, environ or {}, actor, tell)


def find_node(node_dir: Path | None) -> Path:
    """The root of the node named, or of the nearest one upwards from here; InputError when there is none."""
    if node_dir is None:
        return find_root(Path.cwd())
    if not (node_dir / NODE_FILE).is_file():
        raise InputError(f"no {NODE_FILE} in {node_dir}", hint="Name a node's folder, or make one: ledger init DIR.")
    return node_dir.resolve()


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Where what can be made anew may be kept, clones and the index: LEDGER_CACHE, else the user's cache folder."""
    if environ.get("LEDGER_CACHE"):
        return Path(environ["LEDGER_CACHE"])
    base = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", "/tmp"), ".cache")  # noqa: PTH118, S108
    return Path(base) / "contribution-ledger"


def locked(session: Session) -> AbstractContextManager[None]:
    """The node's write lock, for a caller that puts several acts into one."""
    return write_lock(session.node.root)
