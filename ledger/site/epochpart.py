"""What the site takes of one epoch, as figures that are small enough to hold for all epochs of a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer

from ledger.site.api_epoch import EpochEntry
from ledger.site.feeds import Entry
from ledger.site.finding import Seen
from ledger.site.receipts import Counted
from ledger.site.spill import Portions
from ledger.site.views import EpochRow, LateLine
from ledger.site.views_kpi import KpiLine
from ledger.site.views_policy import Pinned, Profile


@dataclass(frozen=True)
class ComputedEpoch:
    """What the site takes of one epoch; its page's view waits in a file (`view_of`) until the verdicts are in.

    `shares`: by column, users' ids, names, and the fields of a `Share` without its place; `witnesses`: wallets;
    `profile`: with the last epoch of a set, that of the last finalized one; `files`: those of the API.
    Where a build keeps what the next one takes over: `key`: the hash over what a final epoch follows from, `told`: that
    over what those are called whom it asked about, `digest`: that of all this, `taken`: whether it is an earlier
    build's, so that no view of its page waits.
    Where epochs are checked on the way: `reports`: what was found of it (`computed.Check`), `part`: in which set.
    """

    path: str
    start: str
    row: EpochRow
    entry: EpochEntry
    files: Mapping[str, tuple[int, str]]
    found: Seen
    events: Portions
    shares: tuple[tuple[Any, ...], ...]
    receipts: Mapping[str, Counted]
    news: tuple[Entry, ...]
    pinned: Pinned
    late: tuple[LateLine, ...]
    kpis: tuple[KpiLine, ...]
    witnesses: Annotated[frozenset[str], PlainSerializer(sorted)]
    profile: Profile | None = None
    key: str = ""
    told: str = ""
    digest: str = ""
    taken: bool = False
    reports: tuple[Any, ...] = ()
    part: int = 0


def view_of(building: Path, row: EpochRow) -> Path:
    """Where the view of an epoch's page waits in the build's folder."""
    return building / "views" / f"{row.scope_id}-{row.epoch_id}.view"
