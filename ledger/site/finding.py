"""What readers find their way by: the first page, the two long lists, the tables under `data/`, and the search.

Sees every epoch once while they are computed, and says at the end which pages there are to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from ledger.core.evaluate import EventOutcome
from ledger.core.records.statement import Allocation
from ledger.site.dataset import Dataset, Laid, TableFile, lay_rows, licence_address, linked_data, rows_of
from ledger.site.frame import Framed
from ledger.site.kept import Keeping
from ledger.site.keptfiles import KeptFiles
from ledger.site.lists import PeopleList, epoch_list, epochs_json, people_list
from ledger.site.oddnames import OddName
from ledger.site.overview import Noted, overview
from ledger.site.paid import PaidScope
from ledger.site.render import Press
from ledger.site.search import Findable, SearchIndex, findable, page_result
from ledger.site.searchwords import Result
from ledger.site.spill import FOLDER as SPILL
from ledger.site.spill import Spill
from ledger.site.views import EpochPage, EpochRow
from ledger.site.views_events import Titles
from ledger.site.views_people import Contributor
from ledger.store.node import Node

FOUND_AS = {"paid": "distribution", "receipts": "receipt"}
"""What the search calls pages of a kind that it does not know by itself."""
READ_PAGES = ("policy", "glossary", "check", "paid")
"""Pages that the search finds by what they say."""


@dataclass(frozen=True)
class Made:
    """A page to write: its template's values, and files that lie beside it."""

    path: str
    title: str
    template: str
    depth: int
    values: Mapping[str, object]
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What this room takes of one epoch; its events and rows are laid aside."""

    noted: Noted
    findable: Findable
    tables: Mapping[str, Laid]


def seen(
    spill: Spill,
    page: EpochPage,
    allocations: Iterable[Allocation],
    outcomes: Sequence[EventOutcome],
    titles: Titles,
    corrected: Mapping[str, int] | None,
    called: Mapping[str, str],
) -> Seen:
    """One epoch. `corrected`: credits of another version in force than the first; `called`: users' names of today."""
    noted = Noted()
    noted.saw(page)
    rows = rows_of(page, allocations, outcomes, titles, corrected, called)
    return Seen(noted, findable(page, outcomes), lay_rows(spill, rows))


class Finding:
    """Collects while epochs are computed; `building` is the folder of the build, `names` what users are called."""

    def __init__(self, node: Node, building: Path, keeping: Keeping | None, names: Mapping[str, str]) -> None:
        self._node = node
        self.kept = KeptFiles(building / "api", keeping)
        self._building = building
        self._out = building / "api"
        self._noted = Noted()
        self._data = Dataset(building)
        self._search = SearchIndex(building / SPILL, names, keeping)
        self._read: list[Result] = []
        self._tables_made: list[Callable[[], TableFile]] = []

    def saw(self, epoch: Seen, follows: str) -> None:
        """One epoch. `follows`: what it all follows from; empty where nothing is kept."""
        self._noted.join(epoch.noted)
        events = epoch.tables.get("events")
        self._search.saw(epoch.findable, events.block if events else None, follows)
        self._data.add(epoch.tables)

    def begin(self, people: Iterable[Contributor], press: Press) -> None:
        """All epochs are there: have the tables written, which takes a while."""
        spill = Spill(self._building / SPILL)
        self._data.people(spill, people)
        spill.close()
        self._tables_made = list(self._data.files(press, self.kept))

    def wrote(self, path: str, title: str, body: str) -> None:
        """A page of which there is one."""
        if path in READ_PAGES:
            self._read.append(page_result(title, f"{path}/", body))

    def pages(
        self,
        rows: Sequence[EpochRow],
        people: Sequence[Contributor],
        paid: Iterable[PaidScope],
        verified: bool | None,
        framed: Iterable[Framed],
        odd: Mapping[str, OddName],
    ) -> Iterator[Made]:
        """Every page of this room, once all others are written; the files of the search are written by the way.

        `odd`: names that are not what they look like, by user.
        """
        settings = self._node.settings
        names = {scope_id: scope.name or scope_id for scope_id, scope in self._node.scopes.items()}
        over = overview(settings.epoch, names, rows, people, paid, self._noted, verified)
        yield Made("index", "Home", "home.html", 0, {"node": settings, "over": over})
        epochs = [
            epoch_list(scope_id, name, [row for row in rows if row.scope_id == scope_id])
            for scope_id, name in names.items()
        ]
        yield Made("epochs/index", "Epochs", "epochs.html", 1, {"lists": epochs}, {"list.json": epochs_json(rows)})
        everyone = people_list(people, names)
        listed = {"list.json": everyone.json()}
        values = {"people": everyone, "node_id": settings.node_id}
        yield Made("contributors/index", "Contributors", "contributors.html", 1, values, listed)
        yield self._tables()
        self._searchable(everyone, people, framed, odd)
        yield Made("search/index", "Search", "search.html", 1, {})

    def _tables(self) -> Made:
        """The record as tables, and the page about them."""
        settings, as_of = self._node.settings, self._noted.as_of
        tables = tuple(made() for made in self._tables_made)
        self._data.describe(settings, tables, as_of)
        values = {
            "node": settings,
            "tables": tables,
            "as_of": as_of,
            "base": f"{settings.site_url.rstrip('/')}/" if settings.site_url else "https://YOUR-SITE/",
            "licence": licence_address(settings.data_license),
            "linked": Markup(linked_data(settings, tables, as_of)),  # noqa: S704 - JSON in which no markup can begin
        }
        return Made("data/index", "Data", "data.html", 1, values)

    def _searchable(
        self,
        everyone: PeopleList,
        people: Sequence[Contributor],
        framed: Iterable[Framed],
        odd: Mapping[str, OddName],
    ) -> None:
        words = {
            person.user_id: " ".join((person.user_id, *(text for account in person.accounts for text in account[1:])))
            for person in people
        }
        bound = {account[:2] for person in people for account in person.accounts}
        others = [
            Result(kind, one.title, f"{one.path}/", one.words)
            for one in framed
            if (kind := FOUND_AS.get(one.path.partition("/")[0])) is not None
        ]
        self._search.write(self._out, self.kept, everyone, words, bound, [*others, *self._read], odd)
