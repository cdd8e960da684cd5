"""The loop: every epoch and amendment in progress gets its turn, again and again, and the site is started after it.

It does not matter whether a run comes twice, late, out of order or beside another one: a lost push starts over from
what is there. Main's settings decide; nothing is taken from a branch but the epoch's own folder.
"""

from __future__ import annotations

from pathlib import Path

from ledger.core.errors import LedgerError, StateError
from ledger.core.place import Place
from ledger.flows.conditions import conditions
from ledger.flows.display import safe_text
from ledger.flows.session import open_session
from ledger.forge.bindings import bring_bindings
from ledger.forge.clone import LostRace
from ledger.forge.conversation import find_pulls
from ledger.forge.epoch import EpochBranch, Outcome, Run
from ledger.forge.github import NotFoundError, RefusedError
from ledger.forge.inquiries import bring_inquiries
from ledger.forge.preview import lay_preview
from ledger.forge.turn import Turn, open_pull

TRIES = 5
"""How often a run starts over after a push that somebody else was faster with."""
PUBLISH = "publish.yml"
GUARD = "guard.yml"
COLLECT = "collect.yml"


class Loop(Run):
    """The commands of the weekly loop."""

    def open(self, scope_id: str | None = None) -> list[Outcome]:
        """Collect into each scope's due epoch on its own branch, and bring its pull request up to date."""
        return self._each(scope_id, collecting=True)

    def sync(self, scope_id: str | None = None) -> list[Outcome]:
        """Bring each epoch in progress up to date: main, what people wrote, statement, conditions, merge."""
        return self._each(scope_id, collecting=False)

    def _each(self, scope_id: str | None, *, collecting: bool) -> list[Outcome]:
        self.clone.fetch()
        found: list[Outcome] = []
        failed: list[LedgerError] = []
        scopes = self._scopes(scope_id)
        for scope in scopes:
            self._turn(scope, None, collecting, found, failed)
        self._issues(failed)  # which may begin an amendment
        for place in [one for one in self.clone.branches() if one.version > 1 and one.scope_id in scopes]:
            self._turn(place.scope_id, place, collecting, found, failed)
        if any(self._shows(outcome) for outcome in found):
            self._start(merged=any(outcome.merged for outcome in found), collecting=collecting)
        if failed:
            raise failed[0]
        return found

    def _shows(self, outcome: Outcome) -> bool:
        """Whether the site is built anew: after any change; where minutes are billed, of what is signed alone."""
        sparing = bool(self.environ.get("LEDGER_SPARING"))
        return outcome.merged or (outcome.changed and not (sparing and outcome.state == "open"))

    def _turn(
        self, scope_id: str, place: Place | None, collecting: bool, found: list[Outcome], failed: list[LedgerError]
    ) -> None:
        """Everything for one epoch or amendment; one that is stuck keeps no other from its turn."""
        try:
            while (outcome := self._patiently(scope_id, place, collecting)) is not None:
                found.append(outcome)
                if not outcome.merged:
                    break
                self.clone.fetch()  # main moved under what follows
                if place is not None or not collecting:
                    break  # the next window wants the sources, and whoever may read them
        except LedgerError as error:
            failed.append(error)
            self.tell(f"{place or scope_id}: {safe_text(error)}")

    def _issues(self, failed: list[LedgerError]) -> None:
        """Take in claims, and questions about no epoch in progress; trouble there keeps no epoch from its turn."""
        for _ in range(TRIES):
            try:
                if bring_bindings(self):
                    self.clone.fetch()
                    self._start(merged=True, collecting=True)  # no new window is due for that
                    bring_bindings(self)
                bring_inquiries(self)
                return
            except LostRace:
                self.clone.fetch()
            except LedgerError as error:
                failed.append(error)
                self.tell(f"claims and questions: {safe_text(error)}")
                return

    def _start(self, *, merged: bool, collecting: bool) -> None:
        """Start what a job's own pushes and merges start not: the site's build; after a merge the check of main, too.

        And the window that follows, so that weeks which were missed wait for signatures alone.
        """
        for workflow in (PUBLISH, *([GUARD] if merged else []), *([COLLECT] if merged and not collecting else [])):
            try:
                self.forge.rest("POST", f"actions/workflows/{workflow}/dispatches", {"ref": "main"})
            except (NotFoundError, RefusedError) as error:
                self.tell(f"{workflow} was not started: {error.message}")

    def _scopes(self, scope_id: str | None) -> list[str]:
        with self.clone.workspace() as work:
            return open_session(work.root, self.now).scope_ids(scope_id)

    def _patiently(self, scope_id: str, place: Place | None, collecting: bool) -> Outcome | None:
        for _ in range(TRIES):
            try:
                with self.clone.workspace() as work:
                    return Turn(self, work, scope_id, place, collecting=collecting).run()
            except LostRace as error:
                self.tell(f"{error}; starting over")
                self.clone.fetch()
        raise StateError(
            f"the branch of {place or f'scope {scope_id}'} moved {TRIES} times in a row",
            hint="Run this again; nothing is lost.",
        )

    def preview(self, out: Path) -> list[Place]:
        """A working tree of main at `out` with every epoch in progress laid over it; returns these epochs."""
        return lay_preview(self, out)

    def status(self, scope_id: str | None = None) -> list[Outcome]:
        """Where each epoch in progress stands; changes nothing."""
        self.clone.fetch()
        found = []
        scopes = self._scopes(scope_id)
        amended = [one for one in self.clone.branches() if one.version > 1 and one.scope_id in scopes]
        for scope, place in [*((scope, None) for scope in scopes), *((one.scope_id, one) for one in amended)]:
            with self.clone.workspace() as work:
                epoch = EpochBranch(self, work, scope, place)
                if epoch.branch is not None and epoch.lay():
                    pull = open_pull(find_pulls(self.forge, epoch.name))
                    folder = epoch.folder
                    found.append(
                        Outcome(
                            scope,
                            folder.epoch_id,
                            folder.state(),
                            pull.number if pull else None,
                            epoch.branch,
                            version=folder.version,
                            conditions=tuple(conditions(epoch.session, folder)),
                        )
                    )
                epoch.session.close()
        return found
