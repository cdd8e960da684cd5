"""The frame around each page: mkdocs builds a handful of pages, and the many are put into frames that it built.

mkdocs takes milliseconds for every page and file that it sees; ten years of epochs and thousands of people are too
many. So it builds one empty page per kind ("shell"), which is then filled as often as needed.
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

from ledger.core.errors import InputError
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
    title: str
    body: Path
    words: str = ""
    about: str = ABOUT
    """What the page tells, in a sentence: for those who see a link to it."""


def write_source(docs: Path, path: str, title: str, body: str) -> None:
    """The source of one page for mkdocs: `title` is ours, `body` is ready HTML that the hook puts in."""
    target = docs / f"{path}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"---\ntitle: {title}\nhide: [toc, navigation]\n---\n", "utf-8")
    target.with_suffix(".body").write_text(body, "utf-8")


def write_shell(docs: Path, path: str) -> None:
    """The source of an empty page at `path`, for pages of the same depth."""
    write_source(docs, path, _TITLE, _BODY)


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
        "hooks": [str(templates / "hooks.py")],
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


class Shell:
    """An empty page that mkdocs built, sealed once: whatever a body brings, no inline script of it would run."""

    def __init__(self, site: Path, path: str) -> None:
        built = site / path / "index.html"
        self._path = path
        self._before, self._after = seal_page(built.read_text("utf-8")).split(_BODY)
        built.unlink()
        built.parent.rmdir()

    def fill(self, site: Path, page: Framed, shared: Shared) -> tuple[int, int]:
        """Write one page; where its body begins in the file, and how long it is (bytes)."""
        title = html.escape(page.title)
        tags = shared.tags(page.title, page.about, page.path)
        before, after = (
            part.replace(_TITLE, title).replace(f"{self._path}/", f"{page.path}/")
            for part in (self._before, self._after)
        )
        before = before.replace(PLACE, tags, 1)
        target = site / page.path / "index.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        head, body = before.encode(), page.body.read_bytes()
        target.write_bytes(head + body + after.encode())
        return len(head), len(body)


def list_pages(site: Path, site_url: str) -> None:
    """Write the site map over all pages."""
    paths = sorted(path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")) if site_url else []
    addresses = [f"{site_url.rstrip('/')}/{'' if path == '.' else path + '/'}" for path in paths]
    text = _MAP.format("".join(f"<url><loc>{html.escape(address)}</loc></url>\n" for address in addresses))
    (site / "sitemap.xml").write_text(text, "utf-8")
    (site / "sitemap.xml.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
