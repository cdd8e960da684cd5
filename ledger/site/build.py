"""Build the site: epochs (`computed.py`), frames by mkdocs, pages in them (`pages.py`), then our own checks.

Reads the node and never writes into it. The target folder is replaced as a whole: built beside, checked, renamed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.compute.engine import Engine
from ledger.compute.garbage import no_collection
from ledger.core.errors import DifferenceError, InputError
from ledger.core.kinds import NO_WORDS
from ledger.site.again import MARKED, MARKER, frozen, tool_hash
from ledger.site.api import Api
from ledger.site.cards import FOLDER as CARDS
from ledger.site.cards import write_cards
from ledger.site.check import Reader
from ledger.site.computed import Checks
from ledger.site.csp import seal_alone
from ledger.site.feeds import write_feeds
from ledger.site.follows import Place
from ledger.site.frame import Frames, build_frame, list_pages
from ledger.site.kept import FOLDER as KEPT
from ledger.site.kept import Earlier, Keeping
from ledger.site.linksagain import broken_again
from ledger.site.pages import Pages
from ledger.site.publish import move_below, write_index
from ledger.site.receipts import issuer_document
from ledger.site.render import FRAMES
from ledger.site.sharing import Shared, colour_of
from ledger.site.skim import broken_of
from ledger.site.templates import templates_folder
from ledger.store.node import Node
from ledger.store.once import read_once


@dataclass(frozen=True)
class SiteResult:
    """What was built: where, how many pages and files, how many bytes."""

    out: Path
    pages: int
    files: int
    bytes: int


Verification = Mapping[str, Any] | Callable[[Mapping[Place, Sequence[Any]], Collection[int]], Mapping[str, Any]] | None
"""The data of `ledger verify --json`; or who makes it of what `checks` found of each epoch and of the sets in which it
did, once all figures are there.
"""


def _silent(_text: str) -> None:
    return None


def build_site(
    node: Node,
    engine: Engine,
    out: Path,
    *,
    verification: Verification,
    commit: str | None,
    checks: Checks | None = None,
    tell: Callable[[str], None] = _silent,
    alike: Callable[[str], str] = str.casefold,
    said: Mapping[str, str] = NO_WORDS,
    reuse: Path | None = None,
) -> SiteResult:
    """Build everything into `out`, which is replaced in one act.

    `checks`: who checks each epoch on the way, while it lies in the engine. `alike`: what a name looks like, to mark
    those that pass for others; `said`: what third parties' sources call their kinds of events, by `source:event_type`.
    `reuse`: an earlier build of one's own, from which what would be the same is taken over; then this one keeps what
    the next may take over, too.

    Raises InputError when `out` holds something else than an earlier build, DifferenceError when a built page has a
    dead or a foreign link.
    """
    with no_collection():
        return _build(node, engine, out.resolve(), verification, commit, checks, tell, alike, said, reuse)


def earlier_site(folder: Path, node: Node, tell: Callable[[str], None] = _silent) -> Earlier | None:
    """An earlier site of the node from which something may be taken over; tells in a word why there is none."""
    found = Earlier.read(folder.resolve(), node.node_id, tool_hash(templates_folder()))
    if isinstance(found, str):
        tell(f"{folder} {found}: everything is made anew")
        return None
    return found


def _build(
    node: Node,
    engine: Engine,
    out: Path,
    verification: Verification,
    commit: str | None,
    checks: Checks | None,
    tell: Callable[[str], None],
    alike: Callable[[str], str],
    said: Mapping[str, str],
    reuse: Path | None,
) -> SiteResult:
    if out.exists() and not (out / MARKER).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("is not empty and no earlier build of the site", path=str(out), hint="Name another folder.")
    building = out.with_name(f".{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    docs, site = building / "docs", building / "site"
    docs.mkdir(parents=True)
    api = Api(building / "api", node, commit)
    tool, keeping = "", None
    if reuse is not None:
        tool = tool_hash(templates_folder())
        keeping = Keeping(building / "kept", earlier_site(reuse, node, tell))
        keeping.folder.mkdir()
        (keeping.folder / "epochs").mkdir()
    pages = Pages(read_once(node), engine, building, api, commit, tell, alike, said, keeping, tool)
    pages.compute(checks)
    checked = verification(pages.reports, pages.parts) if callable(verification) else verification or {}

    def frame() -> None:
        tell("building the frame")
        build_frame(building, templates_folder(), node.settings.name, node.settings.site_url, pages.sources())
        cards = {}
        if node.settings.site_url:  # a picture is named by its whole address or not at all
            names = {scope_id: scope.name or scope_id for scope_id, scope in node.scopes.items()}
            letters = templates_folder() / "cards/Inter-SemiBold-latin.ttf"
            colour, folder = colour_of(node.node_id), building / "api" / CARDS
            cards = write_cards(folder, letters, colour, node.settings.name, names, pages.rows, tell)
        frames = Frames.taken(site, Shared(node.settings.name, node.settings.site_url, cards))
        (building / FRAMES).write_bytes(frozen(frames))

    pages.render(checked, frame)
    if not node.settings.site_url:  # nobody knows at which address, so that the frame's own page would lead astray
        (site / "404.html").write_text(seal_alone(pages.lost), "utf-8")
    list_pages(site, node.settings.site_url)
    (site / ".well-known").mkdir()
    (site / ".well-known" / "contribution-ledger.json").write_bytes(pages.well_known)
    if (document := issuer_document(node)) is not None:
        (site / document[0]).write_bytes(document[1])
    for name, feed in write_feeds(node.settings, pages.news).items():
        (site / name).write_bytes(feed)
    move_below(building / "api", site)
    (site / MARKER).write_bytes(MARKED)
    files = write_index(site, api.files, {"commit": commit, "node_id": node.node_id})
    tell("checking links")
    reader, looked = Reader(site), pages.looked
    if broken := broken_again(reader, keeping, files, commit, looked) if keeping else broken_of(reader, looked):
        raise DifferenceError(f"{len(broken)} links of the built site are dead or lead away: {'; '.join(broken[:5])}")
    if keeping is not None and pages.kept is not None:
        pages.kept.write()
        keeping.finish(node.node_id, tool, commit)
        keeping.folder.rename(site / KEPT)
    if out.exists():
        out.rename(building / "before")  # removed once the new one stands: it may be served, and be the one to reuse
    site.rename(out)
    shutil.rmtree(building)
    pages_built = sum(path.endswith(".html") for path in files)
    return SiteResult(out, pages_built, len(files), sum(size for size, _ in files.values()))
