"""Our own check of the built pages: every link leads somewhere, and nothing is fetched from anyone else.

mkdocs' strict mode does not look into raw HTML, where all our links are. Pages are read by a regular expression over
tags and not by a parser: all of them are written by templates that quote every attribute, and there are thousands.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("video", "src")}
"""What a browser loads by itself; a plain `a href` is followed by people only."""
_TAG = re.compile(r"""<([a-zA-Z][a-zA-Z0-9-]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>""")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
"""Any attribute, so that what another one's text holds (`title="src=x"`) is passed over."""
_SKIPPED = re.compile(r"<!--.*?-->|(<(script|style)\b[^>]*>).*?</\2>", re.DOTALL)

Listed = Callable[[str, str], frozenset[str]]
"""The people whom a file lists, by the page that names it and its address there."""


@dataclass
class _Page:
    links: list[tuple[str, str, str]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    loads: tuple[tuple[str, str], ...] = ()
    """How ids begin that a script of the page makes, each with the file that has what follows."""


def _read(text: str) -> _Page:
    page = _Page()
    for tag, attributes in _TAG.findall(_SKIPPED.sub(lambda match: match[1] or "", text)):
        if "=" not in attributes:
            continue
        if "data-loads=" in attributes:
            told = {
                name: html.unescape(one or two or three) for name, one, two, three in _ATTRIBUTE.findall(attributes)
            }
            page.loads += ((told["data-loads"], told["data-rows"]),)
        for name, one, two, three in _ATTRIBUTE.findall(attributes):
            value = html.unescape(one or two or three)
            if name == "id":
                page.ids.add(value)
            elif name in ("href", "src"):
                page.links.append((tag.lower(), name, value))
    return page


def broken_links(site: Path) -> list[str]:
    """Each dead link, dead anchor or fetch from another host, as `page: address`.

    An anchor that a script makes is alive when the file that the page names lists the person.
    """

    @cache
    def listed(page: str, path: str) -> frozenset[str]:
        text = (site / posixpath.normpath(posixpath.join(posixpath.dirname(page), path))).read_text("utf-8")
        return frozenset(re.findall(r'"user_id":"([0-9a-f-]{36})"', text))

    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    pages = {name: _read((site / name).read_text("utf-8")) for name in sorted(files) if name.endswith(".html")}
    return [f"{name}: {address[:200]}" for name in pages for address in _broken(name, pages, files, listed)]


def _broken(name: str, pages: dict[str, _Page], files: set[str], listed: Listed) -> Iterator[str]:
    known: dict[tuple[str, str, str], bool] = {}
    for link in pages[name].links:
        if link not in known:
            known[link] = _leads_somewhere(name, *link, pages, files, listed)
        if not known[link]:
            yield link[2]


def _leads_somewhere(
    name: str, tag: str, attribute: str, address: str, pages: dict[str, _Page], files: set[str], listed: Listed
) -> bool:
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
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)).lstrip("/") if path else name
    if target not in files:
        target = posixpath.normpath(f"{target}/index.html")
    if target not in files:
        return False
    page = pages.get(target)
    fragment = parts.fragment
    if not fragment or page is None or fragment in page.ids or fragment.startswith("__"):
        return True
    return any(
        fragment.startswith(begins) and fragment.removeprefix(begins) in listed(target, path)
        for begins, path in page.loads
    )
