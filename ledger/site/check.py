"""Our own check of the built pages: every link leads somewhere, and nothing is fetched from anyone else.

mkdocs' strict mode does not look into raw HTML, where all our links are.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("video", "src")}
"""What a browser loads by itself; a plain `a href` is followed by people only."""


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, str]] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect ids and addresses."""
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.ids.add(value)
            if name in ("href", "src"):
                self.links.append((tag, value))


def broken_links(site: Path) -> list[str]:
    """Each dead link, dead anchor or fetch from another host, as `page: address`."""
    pages: dict[Path, _Page] = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = _Page()
        pages[path].feed(path.read_text("utf-8"))
    found = []
    for path, page in pages.items():
        for tag, address in page.links:
            if not _leads_somewhere(site, path, tag, address, pages):
                found.append(f"{path.relative_to(site)}: {address[:200]}")
    return found


def _leads_somewhere(site: Path, page: Path, tag: str, address: str, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        if (tag, "href" if tag == "link" else "src") in FETCHED:
            return parts.scheme == "data" or (tag == "link" and page.name == "index.html" and _is_canonical(address))
        return parts.scheme in ("http", "https", "mailto")
    if not parts.path and not parts.fragment:
        return True
    path = unquote(parts.path)
    target = page if not path else (site / path.lstrip("/") if path.startswith("/") else page.parent / path).resolve()
    if page.name == "404.html" and path.startswith("/"):
        return True  # the frame's own page for lost readers uses the site's absolute address
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return False
    if parts.fragment and target in pages:
        return parts.fragment in pages[target].ids or parts.fragment.startswith("__")
    return True


def _is_canonical(address: str) -> bool:
    return address.startswith(("http://", "https://"))
