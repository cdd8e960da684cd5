"""What the link check must know of a page, found while it is written, so that it is read no more once all are there.

Our templates write every attribute that matters as ` name="value"` and escape what they are filled with (`tests/site`
holds both), so that a plain search finds what reading every tag would. It may find too many links, never too few; a
link that seems dead is looked at properly by `check.broken_links`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from ledger.site.check import PLAIN, Page, Reader, above_of, broken_links, broken_on, links_of

_HREF = re.compile(r' href="([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')
_RARE = re.compile(r' (?:src|data-loads)="')


@dataclass
class Looked:
    """Pages by their file, without the links that lead somewhere whatever else there is, and the rest of these.

    `places`: paths from the site's top at which there must be a file.
    """

    pages: dict[str, Page] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)

    def join(self, other: Looked) -> None:
        """More pages."""
        self.pages |= other.pages
        self.places |= other.places


def skim(body: str) -> Page:
    """What `links_of` finds in a body that our templates made."""
    links = {("a", "href", html.unescape(found)): None for found in dict.fromkeys(_HREF.findall(body))}
    page = Page(links, {html.unescape(found) for found in _ID.findall(body)})
    for found in _RARE.finditer(body):
        begin, end = body.rfind("<", 0, found.start()), body.find(">", found.start())
        tag = links_of(body[begin : end + 1])
        if not (tag.links or tag.loads):  # it stands in a text, or some other attribute holds a sign of markup
            return links_of(body)
        page.links |= tag.links
        page.loads += tag.loads
    return page


class Skimmer:
    """Looks at pages one after another, and says of no place twice that something must be there."""

    def __init__(self) -> None:
        self._places: set[str] = set()

    def body(self, name: str, body: str, around: Page) -> Looked:
        """A page's body. `around`: what is in its frame."""
        page = skim(body)
        page.ids |= around.ids
        return self._left(name, page)

    def whole(self, names: Collection[str], text: str) -> Looked:
        """A whole page that lies under some names of the same depth."""
        looked = Looked()
        for name in names:
            looked.join(self._left(name, links_of(text)))
        return looked

    def _left(self, name: str, page: Page) -> Looked:
        above, places, left = above_of(name), set[str](), dict[tuple[str, str, str], None]()
        for link in page.links:
            tag, _, address = link
            if address.startswith("#"):
                if address[1:] in page.ids:
                    continue
            elif above and address.startswith(above):
                place = address.removeprefix(above)
                if place not in self._places and PLAIN.fullmatch(place):
                    places.add(place)
                    self._places.add(place)
                if place in self._places:
                    continue
            elif tag == "a" and address.startswith(("https://", "http://")):
                continue
            left[link] = None
        page.links = left
        return Looked({name: page}, places)


def broken_of(reader: Reader, looked: Looked) -> list[str]:
    """As `check.broken_links`, of a site whose pages were looked at when they were written."""
    if reader.has_all(looked.places):
        others = [name for name in sorted(reader.files) if name.endswith(".html") and name not in looked.pages]
        if not broken_on(reader, {**looked.pages, **{name: reader.page(name) for name in others}}):
            return []
    return broken_links(reader.site)
