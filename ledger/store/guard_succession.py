"""A scope's epochs as they are after a change: their numbers and windows follow one another, and one is active."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.records.epoch import State
from ledger.core.succession import EpochLife, scope_findings
from ledger.core.values import NodeId, ScopeId, Timestamp
from ledger.core.windows import Window
from ledger.store import layout
from ledger.store.epochfolder import life_of
from ledger.store.treefolder import TreeFolder
from ledger.store.trees import NodeFiles

_LAST_STEP = re.compile(rb'"to":"(open|review|finalized)"\}\n\Z')
_WINDOW = re.compile(rb'"period_end":"([0-9TZ:.-]{24})","period_start":"([0-9TZ:.-]{24})"')


def succession_findings(
    node_id: NodeId, scope_id: str, touched: Collection[int], after: NodeFiles, *, overlap: bool
) -> Iterator[Finding]:
    """EPOCH_WINDOW_UNIQUE and ONE_ACTIVE_EPOCH over all epochs of a scope.

    `touched`: the epochs that the change touches. `overlap`: the scope's setting of that name.
    """
    home = f"{layout.EPOCHS}/{scope_id}"
    files = [file for path in after.paths if path.startswith(f"{home}/") and (file := layout.file_of_epoch(path))]
    ids = sorted({place.epoch_id for place, _ in files if place.version == 1})
    if ids != list(range(1, len(ids) + 1)):
        yield Finding("EPOCH_WINDOW_UNIQUE", "epochs are not numbered 1, 2, 3 …", home)
        return
    folders = [TreeFolder(Path(), node_id, ScopeId(scope_id), number, after) for number in ids]
    lives = [life_of(each) if each.epoch_id in touched else _glance(each) for each in folders]
    yield from scope_findings(home, lives, overlap=overlap)


def _glance(folder: TreeFolder) -> EpochLife:
    """The life of an epoch that the change leaves as it is, without parsing its files: their lines were held to the
    canonical form when they came, so the state and the window are found by their place in the text.

    An epoch whose text does not tell is read in full.
    """
    with suppress(LedgerError):
        step = _LAST_STEP.search(folder.read("transitions.jsonl"))
        window = _WINDOW.search(folder.read("epoch.json"))
        if step and window:
            end, start = (Timestamp(one.decode()) for one in window.groups())
            return EpochLife(folder.epoch_id, folder.relative, cast("State", step[1].decode()), Window(start, end))
    return life_of(folder)
