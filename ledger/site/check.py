"""Our own check of the built pages: every link leads somewhere, and nothing is fetched from anyone else.

mkdocs' strict mode does not look into raw HTML, where all our links are. Pages are read by a regular expression over
tags and not by a parser: all of them are written by templates that quote every attribute, and there are thousands.
"""

from __future__ import annotations

import html
import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ledger.compute.processes import helpers, processes

FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("video", "src")}
"""What a browser loads by itself; a plain `a href` is followed by people only."""
_TAG = re.compile(
    r"""<(?:!--.*?-->|(script|style)\b([^>]*+)>.*?</\1>"""
    r"""|([a-zA-Z][a-zA-Z0-9-]*)([\s/](?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>)""",
    re.DOTALL,
)
"""A tag with attributes, a script or a style sheet with what is in it, or a comment: nothing inside these is a tag."""
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
"""Any attribute, so that what another one's text holds (`title="src=x"`) is passed over."""
PLAIN = re.compile(r"[a-z0-9-][A-Za-z0-9_-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?")
"""A path in which nothing is hidden: no step up, no escape, no query."""

FEW = 500
"""Fewer pages than this are read right here."""


@dataclass
class Page:
    """What of a page matters here."""

    links: dict[tuple[str, str, str], None] = field(default_factory=dict)
    """Each once, in order."""
    ids: set[str] = field(default_factory=set)
    loads: tuple[tuple[str, str], ...] = ()
    """How ids begin that a script of the page makes, each with the file that has what follows."""


@lru_cache(maxsize=1 << 16)  # the frame's tags are the same on every page
def _told(attributes: str) -> tuple[tuple[str, str], ...]:
    """The attributes of a tag that matter here, by name, in order."""
    found = [(name, html.unescape(one or two or three)) for name, one, two, three in _ATTRIBUTE.findall(attributes)]
    return tuple(each for each in found if each[0] in ("id", "href", "src", "data-loads", "data-rows"))


def links_of(text: str) -> Page:
    """A page's links and anchors, tag by tag."""
    page = Page()
    for inline, its_attributes, tag, attributes in _TAG.findall(text):
        told = _told(attributes or its_attributes)
        for name, value in told:
            if name == "id":
                page.ids.add(value)
            elif name in ("href", "src"):
                page.links[(tag or inline).lower(), name, value] = None
            elif name == "data-loads":
                page.loads += ((value, dict(told)["data-rows"]),)
    return page


def files_below(folder: Path) -> Iterator[str]:
    """Every file's path from `folder`, in no order."""
    cut = len(str(folder)) + 1
    for place, _, names in os.walk(folder):
        at = f"{place[cut:]}/" if len(place) > cut else ""
        yield from (at + name for name in names)


def broken_links(site: Path) -> list[str]:
    """Each dead link, dead anchor or fetch from another host, as `page: address`.

    An anchor that a script makes is alive when the file that the page names lists the person.
    """
    reader = Reader(site)
    names = sorted(name for name in reader.files if name.endswith(".html"))
    return broken_on(reader, read_all(reader, names))


def broken_on(reader: Reader, pages: Mapping[str, Page]) -> list[str]:
    """The same of some pages; others to whose anchors they lead are read as well."""
    all_pages = _Pages(reader, pages)
    return [f"{name}: {address[:200]}" for name in pages for address in _broken(name, all_pages, reader)]


def beside(name: str, path: str) -> str:
    """The path from the site's top of what a page calls `path`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


class Reader:
    """Reads pages of a site whose files are all there."""

    def __init__(self, site: Path) -> None:
        self.site, self.files = site, set(files_below(site))
        self.at_top = cache(self._at_top)
        self.listed = cache(self._listed)

    def _at_top(self, place: str) -> str | None:
        """The file at a path from the site's top; None where there is none, or something has to be worked out."""
        target = place if place in self.files else f"{place}index.html"
        return target if target in self.files and PLAIN.fullmatch(place) else None

    def has_all(self, places: Set[str]) -> bool:
        """Whether there is a file at each of these paths from the site's top."""
        return all(self.at_top(place) or _target("", place, self.files) in self.files for place in places)

    def _listed(self, name: str, path: str) -> frozenset[str]:
        """The people whom a file lists, by the page that names it and its address there."""
        text = (self.site / beside(name, path)).read_text("utf-8")
        return frozenset(re.findall(r'"user_id":"([0-9a-f-]{36})"', text))

    def page(self, name: str) -> Page:
        """A page, without the links that plainly lead to a file: most are such."""
        page, above = links_of((self.site / name).read_text("utf-8")), above_of(name)
        page.links = {link: None for link in page.links if not self._plain(link[2], above)}
        return page

    def _plain(self, address: str, above: str) -> bool:
        return bool(above) and address.startswith(above) and self.at_top(address.removeprefix(above)) is not None


def above_of(name: str) -> str:
    """The way from a page to the site's top."""
    return "../" * name.count("/")


_mine: list[Reader] = []
"""What a helping process reads with."""


def _begin(site: Path) -> None:
    _mine.append(Reader(site))


def _page_there(name: str) -> Page:
    return _mine[0].page(name)


def read_all(reader: Reader, names: list[str]) -> dict[str, Page]:
    """These pages, by all cores where they are many."""
    if len(names) < FEW or processes() < 2:
        return {name: reader.page(name) for name in names}
    with helpers(processes(), _begin, reader.site) as pool:
        return dict(zip(names, pool.map(_page_there, names, chunksize=50), strict=True))


class _Pages:
    """Pages by their file; those that are not there yet are read when they are asked for."""

    def __init__(self, reader: Reader, read: Mapping[str, Page]) -> None:
        self._reader, self._read = reader, dict(read)

    def get(self, name: str) -> Page | None:
        """A page; None for a file that is none."""
        if name not in self._read and name.endswith(".html"):
            self._read[name] = self._reader.page(name)
        return self._read.get(name)


def anchors_elsewhere(name: str, page: Page, files: Set[str]) -> Iterator[str]:
    """The anchors of other pages to which one leads, each as `file#anchor`."""
    for _, _, address in page.links:
        parts = urlsplit(address) if "#" in address else None
        if parts is not None and parts.fragment and parts.path and not (parts.scheme or parts.netloc):
            yield f"{_target(name, parts.path, files)}#{parts.fragment}"


def _target(name: str, path: str, files: Set[str]) -> str:
    """The file to which a page's address leads, whether it is there or not."""
    target = beside(name, unquote(path)).lstrip("/")
    return target if target in files else posixpath.normpath(f"{target}/index.html")


def _broken(name: str, pages: _Pages, reader: Reader) -> Iterator[str]:
    page = pages.get(name)
    above = above_of(name)
    for tag, attribute, address in page.links if page else ():
        if address.startswith(above) and above:  # from the site's top: nothing to work out
            place, _, fragment = address.removeprefix(above).partition("#")
            target = reader.at_top(place)
            if target is not None and _has(pages, target, fragment, reader):
                continue
        if not _leads_somewhere(name, tag, attribute, address, pages, reader):
            yield address


def _has(pages: _Pages, target: str, fragment: str, reader: Reader) -> bool:
    """Whether a file has the anchor, or its page's script makes it."""
    page = pages.get(target) if fragment else None
    if page is None or fragment in page.ids or fragment.startswith("__"):
        return True
    return any(
        fragment.startswith(begins) and fragment.removeprefix(begins) in reader.listed(target, path)
        for begins, path in page.loads
    )


def _leads_somewhere(name: str, tag: str, attribute: str, address: str, pages: _Pages, reader: Reader) -> bool:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        if (tag, attribute) in FETCHED:
            is_canonical = tag == "link" and address.startswith(("http://", "https://"))
            return parts.scheme == "data" or (is_canonical and name.endswith("index.html"))
        return parts.scheme in ("http", "https", "mailto")
    if not parts.path and not parts.fragment:
        return True
    path = unquote(parts.path)
    if name == "404.html" and path.startswith("/"):
        return True  # the frame's own page for lost readers uses the site's absolute address
    target = _target(name, parts.path, reader.files) if path else name
    return target in reader.files and _has(pages, target, parts.fragment, reader)
