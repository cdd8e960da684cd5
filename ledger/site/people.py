"""What is about one person: their page's figures, the file with their part of every epoch, the files of their events.

Written by whatever process has the person in turn, from what waits on disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ledger.core.canonical import encode
from ledger.core.records.decisions import Binding
from ledger.site.again import frozen
from ledger.site.apifiles import ApiFiles
from ledger.site.person_events import Listed, write_events
from ledger.site.spill import Spilled, epochs_in
from ledger.site.views import EpochRow
from ledger.site.views_people import Contributor, Epochs, PersonPage, Share, person_page
from ledger.store.node import Node

_NO_EPOCHS = b'"epochs":[]'
"""Stands once in a person's file before its epochs are put in: inside a text each quote has a stroke before it."""


class Person(NamedTuple):
    """One user over all epochs, small enough to be sent to another process.

    `shares`: a `Share`'s fields, each of all of them; `events`, `parts`: where the lines wait (`Spilled.lines`).
    `credits`: of finalized epochs, in force.
    """

    user_id: str
    name: str
    accounts: Sequence[tuple[str, str, str]]
    bindings: Sequence[Binding]
    event_count: int
    shares: Sequence[tuple[Any, ...]]
    credits: int
    events: bytes
    parts: bytes


@dataclass(frozen=True)
class Everybody:
    """What is the same for all people. `rows`: every epoch; `starts`: when each begins.

    `events`, `parts`: the names of the files in which lines wait, in the folder `spilled`, by their epoch's place.
    """

    node_id: str
    api: Path
    spilled: Path
    rows: tuple[EpochRow, ...]
    starts: tuple[str, ...]
    events: Mapping[int, str]
    parts: Mapping[int, str]

    @cached_property
    def _source(self) -> Spilled:
        return Spilled(self.spilled)

    @cached_property
    def epochs(self) -> Epochs:
        """All epochs as pages of people take them."""
        return Epochs(self.rows)

    @cached_property
    def _rank(self) -> array[int]:
        """Each epoch's place by its window, whatever its scope."""
        rows, starts = self.rows, self.starts
        by_window = sorted(range(len(rows)), key=lambda at: (starts[at], rows[at].scope_id, rows[at].epoch_id))
        found = array("q", bytes(8 * len(rows)))
        for rank, at in enumerate(by_window):
            found[at] = rank
        return found

    def close(self) -> None:
        """Nobody more is written here."""
        self._source.close()

    def page(self, person: Person) -> PersonPage:
        """The person as their page shows them."""
        shares = list(map(Share._make, zip(*person.shares, strict=True)))
        accounts, bindings = list(person.accounts), list(person.bindings)
        found = Contributor(person.user_id, person.name, accounts, shares, bindings, person.event_count)
        return person_page(self.epochs, found)

    def made_from(self, person: Person, digests: Sequence[str]) -> bytes:
        """All that the person's page and files follow from. `digests`: those of all epochs."""
        places = {*next(iter(person.shares), ()), *epochs_in(person.events), *epochs_in(person.parts)}
        about = (*person[:5], person.credits, self.node_id, [digests[place] for place in sorted(places)])
        return frozen(about)

    def write(self, person: Person, api: ApiFiles) -> Listed:
        """The person's own files of the API."""
        rank = self._rank
        waiting = sorted(self._source.lines(person.events, self.events), key=lambda item: rank[item[0]])
        listed = write_events(person.user_id, (lines for _, lines in waiting), api.put)
        about = {
            "bindings": [line.fields() for line in person.bindings],
            "epochs": [],
            "event_count": sum(file.event_count for file in listed.files),
            "event_files": [{"event_count": file.event_count, "path": file.path} for file in listed.files],
            "final_credits": str(person.credits),
            "name": person.name,
            "node_id": self.node_id,
            "user_id": person.user_id,
        }
        before, after = encode(about).split(_NO_EPOCHS)
        parts = b",".join([part for _, part in self._source.lines(person.parts, self.parts)])
        api.put(f"contributors/{person.user_id}.json", before + b'"epochs":[' + parts + b"]" + after + b"\n")
        return listed


NOBODY = Everybody("", Path(), Path(), (), (), {}, {})
"""For who writes no page of a person."""


def everyone(node: Node) -> dict[str, Contributor]:
    """Users by id, named by the last login that a binding carries, with the accounts bound now."""
    found: dict[str, Contributor] = {}
    for line in node.bindings():
        person = found.setdefault(line.user_id, Contributor(line.user_id, line.user_id[:8]))
        account = (line.provider, line.external_id, line.login or "")
        person.bindings.append(line)
        person.accounts = [known for known in person.accounts if known[:2] != account[:2]]
        if line.action == "bind":
            person.accounts.append(account)
            person.name = line.login or person.name
    return found
