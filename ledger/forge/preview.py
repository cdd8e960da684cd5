"""What the site is built from: main, with the epochs in progress laid over it, which nobody has signed yet."""

from __future__ import annotations

import shutil
from pathlib import Path

from ledger.core.errors import InputError
from ledger.flows.session import open_session
from ledger.forge.epoch import Run


def lay_preview(run: Run, out: Path) -> list[tuple[str, int]]:
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
    laid = []
    node = open_session(out / run.clone.prefix, run.now).node
    for (scope_id, epoch_id), commit in run.clone.branches().items():
        if scope_id in node.scopes and epoch_id == len(node.epochs(scope_id)) + 1:
            folder = node.epoch(scope_id, epoch_id)
            if findings := run.tampered(folder, commit):
                run.tell(f"{scope_id}/{epoch_id} is left out: {findings[0].path}: {findings[0].message}")
                continue
            run.clone.lay(out, folder.relative, commit, folder.scope_logs)
            laid.append((scope_id, epoch_id))
    open_session(out / run.clone.prefix, run.now)  # refuses what a branch may not hold
    return laid
