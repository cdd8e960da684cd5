"""An event as a row of a page: what it counted, where it links to, and its title where the source stored one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.core.evaluate import EventOutcome
from ledger.site.links import safe_link
from ledger.site.words import units
from ledger.store.epochfolder import EpochFolder
from ledger.store.layout import shard_number

Titles = Mapping[tuple[str, int], str]
"""The title of each event by its shard's name and its line."""
NO_TITLES: Titles = {}
_TITLE = re.compile(rb'"title":"(?<=[{,]"title":")((?:[^"\\]++|\\.)*+)"')
"""The key `title` of a canonical line, which only its metadata may have. A text with these letters does not match:
inside a text every quote has a backslash before it. The key comes first, so that it is looked for as any bytes are."""


@dataclass(frozen=True)
class EventLine:
    """One event as a row: its link when it is harmless, its units in words, its title where the source stored one.

    `each`: the units of one, where the event is of several.
    """

    outcome: EventOutcome
    link: str | None
    units: str
    title: str = ""
    each: str = ""

    @property
    def anchor(self) -> str:
        """The row's id on the epoch's page: its place in the activity log."""
        return row_anchor(self.outcome.path, self.outcome.line)


def row_anchor(shard: str, line: int) -> str:
    """The id of an event's row on its epoch's page, by its shard's name and its line."""
    return f"event-{shard_number(shard)}-{line}"


def event_line(outcome: EventOutcome, titles: Titles = NO_TITLES) -> EventLine:
    """An event as a row."""
    title = titles.get((outcome.path, outcome.line), "")
    each = units(outcome.units // outcome.quantity) if outcome.quantity > 1 else ""
    return EventLine(outcome, safe_link(outcome.artifact_url), units(outcome.units), title, each)


def titles_of(folder: EpochFolder) -> Titles:
    """The title of each event, where its source stored one; lines that name none are not read."""
    places, texts = [], []
    for shard in folder.shards():
        name = shard.name
        data = folder.read(name)
        if b'"title":"' not in data:
            continue
        for number, title in enumerate(map(_TITLE.search, data.split(b"\n")), start=1):
            if title is not None:
                places.append((name, number))
                texts.append(title[1])
    read: list[str] = json.loads((b'["%b"]' % b'","'.join(texts)).decode()) if texts else []
    return dict(zip(places, read, strict=True))
