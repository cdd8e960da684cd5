"""The frame around each page: mkdocs builds empty pages ("shells") before there is any body, and we fill them.

mkdocs takes milliseconds for every page and file that it sees; ten years of epochs and thousands of people are too
many. So of a kind that there are many of it builds one shell, which is then filled as often as needed.
"""

from __future__ import annotations

import gzip
import html
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.core.canonical import sha256_hex
from ledger.core.errors import InputError
from ledger.site.again import Put
from ledger.site.check import Page, links_of
from ledger.site.csp import seal_page
from ledger.site.sharing import ABOUT, PLACE, Shared

_TITLE = "ledger-shell-title"
_BODY = "<!--<h1 ledger-shell-body-->"
"""The theme adds a heading of its own to pages without one; this looks like one."""
SHELLS = {
    "contributors": "contributors/shell",
    "epochs": "epochs/scope/shell",
    "paid": "paid/scope/shell",
    "receipts": "receipts/shell",
    "sign": "sign/scope/shell",
}
"""For each kind of page that there are many of, where its shell is built: as deep as the pages themselves."""
_MAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{}</urlset>
"""


@dataclass(frozen=True)
class Framed:
    """A page for a shell: its address, its title (text from outside allowed) and the words to find it by."""

    path: str
    """From the site's top, where it is `.`."""
    title: str
    words: str = ""
    about: str = ABOUT
    """What the page tells, in a sentence: for those who see a link to it."""

    @property
    def file(self) -> str:
        """Its file in the site."""
        return "index.html" if self.path == "." else f"{self.path}/index.html"


def write_shell(docs: Path, path: str) -> None:
    """The source of an empty page, for the page at `path` or for those of the same depth."""
    target = docs / f"{path}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"---\ntitle: {_TITLE}\nhide: [toc, navigation]\n---\n{_BODY}\n", "utf-8")


def build_frame(
    building: Path, templates: Path, name: str, site_url: str, navigation: Sequence[Mapping[str, str]]
) -> None:
    """Build `building/docs` into `building/site`; strict, so that mkdocs' own warnings stop the build."""
    import yaml

    settings: dict[str, Any] = yaml.safe_load((templates / "mkdocs.yml").read_text("utf-8"))
    settings |= {
        "site_name": html.escape(name),  # the theme writes it as it is
        "site_url": site_url or None,
        "docs_dir": str(building / "docs"),
        "site_dir": str(building / "site"),
        "nav": list(navigation),
    }
    settings["theme"]["custom_dir"] = str(templates / "theme")
    config = building / "mkdocs.yml"
    config.write_text(yaml.safe_dump(settings), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config)],
        env={
            **os.environ,
            "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0"),
            "DISABLE_MKDOCS_2_WARNING": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("WARNING", "ERROR", "Aborted"))]
        raise InputError(f"mkdocs refused the site: {'; '.join(said[:5]) or done.stderr[-500:]}")


@dataclass(frozen=True)
class Shell:
    """An empty page that mkdocs built. `links`: those of the frame, which are the same around every body.

    One for many is sealed before it is filled: whatever a body brings, no inline script of it would run.
    """

    path: str
    before: str
    after: str
    links: Page

    @classmethod
    def of(cls, path: str, text: str) -> Shell:
        """`text`: what mkdocs built at `path`."""
        before, after = (seal_page(text) if path in SHELLS.values() else text).split(_BODY)
        return cls(path, before, after, links_of(before + after))

    def filled(self, page: Framed, body: bytes, shared: Shared) -> tuple[bytes, int]:
        """The page's bytes, and where its body begins in them."""
        title = html.escape(page.title)
        before, after = (
            part.replace(_TITLE, title).replace(f"{self.path}/", f"{page.path}/") for part in (self.before, self.after)
        )
        if self.path == page.path:  # its title has the site's name as well
            text = shared.told(before, page.path) + body.decode() + after
            return seal_page(text).encode(), 0
        head = before.replace(PLACE, shared.tags(page.title, page.about, page.path), 1).encode()
        return head + body + after.encode(), len(head)


@dataclass(frozen=True)
class Frames:
    """Every shell by where it was built, with what its pages tell whoever shares them."""

    shells: Mapping[str, Shell]
    shared: Shared

    @classmethod
    def taken(cls, site: Path, shared: Shared) -> Frames:
        """The shells of a site that mkdocs built; they are in it no longer, only its own page for lost readers is."""
        lost, shells = site / "404.html", {}
        lost.write_text(seal_page(shared.told(lost.read_text("utf-8"), ".")), "utf-8")
        for built in sorted(site.rglob("index.html")):
            path = built.parent.relative_to(site).as_posix()
            shells[path] = Shell.of(path, built.read_text("utf-8"))
            built.unlink()
            if path in SHELLS.values():
                built.parent.rmdir()
        return cls(shells, shared)

    def of(self, page: Framed) -> Shell:
        """The shell of a page."""
        return self.shells.get(page.path) or self.shells[SHELLS[page.path.partition("/")[0]]]

    def put(self, site: Path, page: Framed, body: bytes) -> Put:
        """Write one page."""
        data, start = self.of(page).filled(page, body, self.shared)
        target = site / page.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return Put(page.file, len(data), sha256_hex(data), start, len(body))


def list_pages(site: Path, site_url: str) -> None:
    """Write the site map over all pages."""
    paths = sorted(path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")) if site_url else []
    addresses = [f"{site_url.rstrip('/')}/{'' if path == '.' else path + '/'}" for path in paths]
    text = _MAP.format("".join(f"<url><loc>{html.escape(address)}</loc></url>\n" for address in addresses))
    (site / "sitemap.xml").write_text(text, "utf-8")
    (site / "sitemap.xml.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
