"""What the site is built from: main, with the epochs in progress laid over it, which nobody has signed yet."""

from __future__ import annotations

import shutil
from pathlib import Path

from ledger.core.errors import InputError, StateError
from ledger.core.place import Place
from ledger.flows.amend import next_version
from ledger.flows.session import EpochFolder, Session, open_session
from ledger.forge.epoch import Run


def lay_preview(run: Run, out: Path) -> list[Place]:
    """A working tree of main at `out` with every epoch in progress laid over it; returns these epochs.

    A branch that holds what the log does not allow is left out: rubbish on one must not keep the site from readers.
    """
    run.clone.fetch()
    if out.exists():
        if not (out / ".git").is_file() and (not out.is_dir() or any(out.iterdir())):
            hint = "Name a folder that does not exist yet."
            raise InputError("holds something that is no earlier preview", path=str(out), hint=hint)
        shutil.rmtree(out)
    run.clone.fetch()  # also forgets the working tree that was there
    run.clone.worktree(out.resolve(), run.clone.main())
    laid: list[Place] = []
    session = open_session(out / run.clone.prefix, run.now)
    for place, commit in run.clone.branches().items():
        folder = _in_progress(session, place)
        if folder is not None:
            if findings := run.tampered(folder, commit):
                run.tell(f"{place} is left out: {findings[0].path}: {findings[0].message}")
                continue
            run.clone.lay(out, folder.relative, commit, folder.scope_logs)
            laid.append(place)
    open_session(out / run.clone.prefix, run.now)  # refuses what a branch may not hold
    return laid


def _in_progress(session: Session, place: Place) -> EpochFolder | None:
    """The folder of what is worked on: the epoch that follows the last, or the next version of a final one."""
    if place.scope_id not in session.node.scopes:
        return None
    if place.version == 1:
        due = place.epoch_id == session.node.epoch_count(place.scope_id) + 1
        return session.node.epoch(place.scope_id, place.epoch_id) if due else None
    try:
        folder = next_version(session, place)
    except StateError:
        return None
    return None if folder.exists() else folder
