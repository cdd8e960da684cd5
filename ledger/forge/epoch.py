"""One epoch or amendment in progress: its branch laid over main in a working tree, and what was done to it by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ledger.core.errors import LedgerError, StateError
from ledger.core.evaluate import Finding
from ledger.core.place import Place
from ledger.core.values import Timestamp
from ledger.flows.amend import newest, next_version
from ledger.flows.conditions import Condition
from ledger.flows.guard import guard
from ledger.flows.session import EpochFolder, Session, open_session
from ledger.forge.clone import Clone, Workspace
from ledger.forge.github import Forge


@dataclass
class Run:
    """One run over the node at `root`, a clone whose remote `origin` is the repository of `forge`."""

    root: Path
    forge: Forge
    now: Timestamp
    environ: Mapping[str, str]
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        self.clone = Clone(self.root, self.environ)

    def tampered(self, folder: EpochFolder, branch: str) -> list[Finding]:
        """What commits of an epoch's branch did that no command does: a log that lost a line, a file not its own."""
        found: list[Finding] = []
        place = folder.where
        for commit, before, main in self.clone.history(branch):
            if before is None:
                found.append(Finding("WRITES_VIA_WORKFLOW", "the branch does not begin on main", ""))
                continue
            if main is None:
                found += guard(self.root, before, commit, place)
                continue
            logs = folder.scope_logs  # written anew over main's: compared with main's, not with what stood there
            found += [one for one in guard(self.root, before, commit, None) if one.path not in logs]
            found += [one for one in guard(self.root, main, commit, place) if one.path in logs]
            outside = self.clone.foreign(main, commit, folder.relative, logs)
            if not self.clone.on_main(main) or outside:
                path = outside[0] if outside else ""
                found.append(Finding("WRITES_VIA_WORKFLOW", "the branch took in what is not main's", path))
        return list(dict.fromkeys(found))


@dataclass
class Outcome:
    """Where an epoch's pull request stands after a run. `errors` kept something from being done, `notes` explain."""

    scope_id: str
    epoch_id: int
    state: str
    pull: int | None = None
    commit: str | None = None
    changed: bool = False
    merged: bool = False
    conditions: tuple[Condition, ...] = ()
    findings: tuple[Finding, ...] = ()
    version: int = 1
    notes: list[str] = field(default_factory=list)
    errors: list[LedgerError] = field(default_factory=list)


class EpochBranch:
    """The epoch of one scope that is in progress, or due, or with `place` this amendment of a finalized one.

    `branch` is the commit that its branch stands on, None before there is one; `left_over` are branches of the scope
    whose work is on main. StateError when main itself holds unsigned data, or no version that the amendment follows.
    """

    def __init__(self, run: Run, work: Workspace, scope_id: str, place: Place | None = None) -> None:
        self.loop, self.forge, self.clone, self.work = run, run.forge, run.clone, work
        self.scope_id = scope_id
        self.amends = place if place is not None and place.version > 1 else None
        self.session = self._open()
        self.done = self.session.node.epochs(scope_id)
        for folder in self.done:
            last = newest(folder)
            if last.state() != "finalized":
                raise StateError(
                    f"main holds epoch {last.where}, which is {last.state()}: unsigned data was merged",
                    rule="WRITES_VIA_WORKFLOW",
                    path=last.relative,
                    hint="Revert that merge; its branch and its pull request go on from where they were.",
                )
        branches = run.clone.branches()
        self.left_over = [
            (place, commit) for place, commit in branches.items() if place.scope_id == scope_id and self._on_main(place)
        ]
        self.folder = self._folder()
        self.place = self.folder.where
        self.branch = branches.get(self.place)
        self.name = self.place.branch

    def _on_main(self, place: Place) -> bool:
        return place.epoch_id <= len(self.done) and place.version <= newest(self.done[place.epoch_id - 1]).version

    def _folder(self) -> EpochFolder:
        if self.amends is None:
            return self.session.node.epoch(self.scope_id, len(self.done) + 1)
        return next_version(self.session, self.amends)

    def _open(self) -> Session:
        loop = self.loop
        session = open_session(self.work.root, loop.now, environ=loop.environ, tell=loop.tell)
        scope = session.node.scope(self.scope_id)  # each epoch has a branch of its own: the next one waits for its turn
        session.node.scopes[self.scope_id] = scope.model_copy(update={"overlap": False})
        return session

    def lay(self) -> bool:
        """Put the branch's folder over main; whether there is an epoch to work on."""
        if self.branch is not None:
            self.clone.lay(self.work.top, self.folder.relative, self.branch, self.folder.scope_logs)
            self.session = self._open()  # its files are checked as any node's are
            self.folder = self._folder()
        return self.folder.exists()

    def tampered(self, branch: str) -> list[Finding]:
        """What was done to the branch by hand."""
        return self.loop.tampered(self.folder, branch)
